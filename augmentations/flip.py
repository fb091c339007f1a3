"""Flips: half of the pictures are mirrored along each axis."""

import dataclasses
from typing import Annotated, Literal

from pydantic import Field

from augmentations import Draw, Grid

Flip = Annotated[
    Literal["none", "horizontal", "vertical", "both"],
    Field(description="mirrors half of the images along each of these axes"),
]


def move(grid: Grid, draw: Draw, *, flip: Flip = "none") -> Grid:
    """The grid, mirrored for the chosen pictures."""
    across, down = (_sign(draw, axis, flip) for axis in ("horizontal", "vertical"))
    return dataclasses.replace(grid, x=across * grid.x, y=down * grid.y)


def mirror(pictures, draw: Draw, *, flip: Flip = "none"):
    """The pictures, the chosen ones mirrored."""
    import tensorflow as tf

    for name, axis in (("horizontal", 2), ("vertical", 1)):
        if flip in (name, "both"):
            mirrored = tf.reverse(pictures, [axis])
            pictures = tf.where(_chosen(draw, name)[..., None], mirrored, pictures)
    return pictures


def _sign(draw, axis, flip):
    import tensorflow as tf

    return tf.where(_chosen(draw, axis), -1.0, 1.0) if flip in (axis, "both") else 1.0


def _chosen(draw, axis):
    """(batch, 1, 1) bool."""
    return draw(f"flip {axis}")[:, None, None] < 0.5
