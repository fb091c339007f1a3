"""Saturation: the distance of all colours from grey times one factor, their luma kept."""

from typing import Annotated

from pydantic import Field

from augmentations import Colours, Draw, _chroma, symmetric

NEEDS_COLOUR = True


def recolour(
    colours: Colours,
    draw: Draw,
    *,
    saturation: Annotated[
        float,
        Field(ge=0, le=1, description="raises or lowers saturation by up to this share; RGB only"),
    ] = 0.0,
) -> Colours:
    """The colours with their chroma times a factor between 1 - saturation and 1 + saturation."""
    factor = 1 + symmetric(saturation, draw("saturation"))
    return colours.mixed(_chroma.matrix(factor, 0.0))
