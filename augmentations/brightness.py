"""Brightness: all pixels of a picture times one factor."""

from typing import Annotated

from pydantic import Field

from augmentations import Colours, Draw, symmetric


def recolour(
    colours: Colours,
    draw: Draw,
    *,
    brightness: Annotated[
        float, Field(ge=0, le=1, description="brightens or darkens by up to this share")
    ] = 0.0,
) -> Colours:
    """The colours times a factor between 1 - brightness and 1 + brightness."""
    return colours.scaled(1 + symmetric(brightness, draw("brightness")))
