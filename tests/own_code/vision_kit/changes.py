from typing import Annotated

from pydantic import Field


def fog(
    images,
    draw,
    *,
    thickness: Annotated[float, Field(ge=0, le=1, description="the most that fog hides")] = 0.3,
):
    """Each image, partly behind white."""
    amount = thickness * draw("amount")[:, None, None, None]
    return images * (1 - amount) + 255.0 * amount
