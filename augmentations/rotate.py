"""Rotations about the picture's centre, clockwise and counter-clockwise."""

import dataclasses
import math
from typing import Annotated

from pydantic import Field

from augmentations import Draw, Grid, symmetric


def move(
    grid: Grid,
    draw: Draw,
    *,
    rotate: Annotated[
        float, Field(ge=0, le=180, description="turns by up to this many degrees, either way")
    ] = 0.0,
) -> Grid:
    """The grid, turned by an angle of each picture's own."""
    import tensorflow as tf

    angle = symmetric(math.radians(rotate), draw("rotate angle"))[:, None, None]
    sine, cosine = tf.sin(angle), tf.cos(angle)
    return dataclasses.replace(
        grid, x=cosine * grid.x - sine * grid.y, y=sine * grid.x + cosine * grid.y
    )
