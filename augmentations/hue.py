"""Hue: all colours of a picture turned around grey, their luma kept."""

import math
from typing import Annotated

from pydantic import Field

from augmentations import Colours, Draw, _chroma, symmetric

NEEDS_COLOUR = True


def recolour(
    colours: Colours,
    draw: Draw,
    *,
    hue: Annotated[
        float,
        Field(ge=0, le=0.5, description="turns hues by up to this part of a circle; RGB only"),
    ] = 0.0,
) -> Colours:
    """The colours with their chroma turned."""
    angle = symmetric(2 * math.pi * hue, draw("hue"))
    return colours.mixed(_chroma.matrix(1.0, angle))
