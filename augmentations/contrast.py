"""Contrast: the distance of all pixels from their picture's mean luma times one factor."""

from typing import Annotated

from pydantic import Field

from augmentations import Colours, Draw, symmetric


def recolour(
    colours: Colours,
    draw: Draw,
    *,
    contrast: Annotated[
        float, Field(ge=0, le=1, description="raises or lowers contrast by up to this share")
    ] = 0.0,
) -> Colours:
    """The colours' distance from the mean times a factor between 1 - contrast and 1 + contrast."""
    factor = 1 + symmetric(contrast, draw("contrast"))
    return colours.scaled(factor).shifted((1 - factor) * colours.mean_luma)
