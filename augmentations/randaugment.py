"""RandAugment: a few changes of each picture, drawn from fourteen (arXiv:1909.13719).

In this order, whatever was drawn first: moves, colours, then what looks at single pixels, of which
each happens at most once. So a picture is resampled once. Ranges are those of torchvision.
"""

import dataclasses
import math
from typing import Annotated

from pydantic import Field

from augmentations import Colours, Draw, Grid, _chroma, _points

OPERATIONS = (
    "identity", "auto_contrast", "equalize", "rotate", "solarize", "colour", "posterize",
    "contrast", "brightness", "sharpness", "shear_x", "shear_y", "translate_x", "translate_y",
)  # fmt: skip
Count = Annotated[
    int,
    Field(
        ge=0,
        le=8,
        description="how many changes each image gets, drawn from fourteen kinds; 2 is usual, 0 is "
        "off",
    ),
]
Magnitude = Annotated[
    float, Field(ge=0, le=10, description="how strong the changes of randaugment are")
]
# At magnitude 10.
_DEGREES, _SHEAR, _TRANSLATION, _FACTOR, _BITS = 30.0, 0.3, 150 / 331, 0.9, 4


def move(
    grid: Grid, draw: Draw, *, randaugment: Count = 0, randaugment_magnitude: Magnitude = 9.0
) -> Grid:
    """The grid, turned, sheared or shifted where that was drawn."""
    import tensorflow as tf

    strength = randaugment_magnitude / 10
    for number in reversed(range(randaugment)):

        def amount(operation: str, most: float, number=number):
            signed = strength * most * _sign(draw, number)
            return (_drawn(draw, number, operation) * signed)[:, None, None]

        angle = amount("rotate", math.radians(_DEGREES))
        sine, cosine = tf.sin(angle), tf.cos(angle)
        x = cosine * grid.x - sine * grid.y + amount("shear_x", _SHEAR) * grid.y
        y = sine * grid.x + cosine * grid.y + amount("shear_y", _SHEAR) * grid.x
        x += amount("translate_x", _TRANSLATION * grid.width)
        y += amount("translate_y", _TRANSLATION * grid.height)
        grid = dataclasses.replace(grid, x=x, y=y)
    return grid


def recolour(
    colours: Colours, draw: Draw, *, randaugment: Count = 0, randaugment_magnitude: Magnitude = 9.0
) -> Colours:
    """The colours, with more or less saturation, contrast or brightness where that was drawn."""
    has_colour = colours.means.shape[-1] == 3
    for number in range(randaugment):
        signed = randaugment_magnitude / 10 * _FACTOR * _sign(draw, number)
        if has_colour:
            saturation = 1 + signed * _drawn(draw, number, "colour")
            colours = colours.mixed(_chroma.matrix(saturation, 0.0))
        contrast = 1 + signed * _drawn(draw, number, "contrast")
        colours = colours.scaled(contrast).shifted((1 - contrast) * colours.mean_luma)
        colours = colours.scaled(1 + signed * _drawn(draw, number, "brightness"))
    return colours


def repaint(
    pictures, draw: Draw, *, randaugment: Count = 0, randaugment_magnitude: Magnitude = 9.0
):
    """The pictures, their levels stretched, evened out, inverted or coarsened, or sharpened."""
    import tensorflow as tf

    if not randaugment:
        return pictures
    strength = randaugment_magnitude / 10
    factor = 1 + strength * _FACTOR * _sign(draw, "sharpness")
    changes = {
        "auto_contrast": _points.auto_contrast,
        "equalize": _points.equalize,
        "solarize": lambda p: _points.solarize(p, 256 * (1 - strength)),
        "posterize": lambda p: _points.posterize(p, 8 - round(_BITS * strength)),
        "sharpness": lambda p: _points.sharpen(p, factor),
    }
    for operation, change in changes.items():
        times = sum(_drawn(draw, number, operation) for number in range(randaugment))
        pictures = tf.where(times[:, None, None, None] > 0, change(pictures), pictures)
    return pictures


def _drawn(draw: Draw, number: int, operation: str):
    """(batch,) float32, 1 where the change of this number is that operation, and 0 elsewhere."""
    import tensorflow as tf

    place = tf.floor(draw(f"randaugment {number}") * len(OPERATIONS))
    return tf.cast(place == OPERATIONS.index(operation), tf.float32)


def _sign(draw: Draw, name):
    """(batch,) float32, 1 or -1."""
    import tensorflow as tf

    return tf.where(draw(f"randaugment sign {name}") < 0.5, -1.0, 1.0)
