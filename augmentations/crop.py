"""Crops: a window of the picture, somewhere in it, is enlarged to the whole."""

import dataclasses
from typing import Annotated

from pydantic import Field

from augmentations import Draw, Grid


def move(
    grid: Grid,
    draw: Draw,
    *,
    crop: Annotated[
        float,
        Field(ge=0, lt=1, description="cuts off up to this share of each side, then enlarges"),
    ] = 0.0,
) -> Grid:
    """The grid within a window of at least 1 - crop of each side, of the picture's proportions."""
    kept = 1 - crop * draw("crop kept")[:, None, None]
    right, down = (draw(f"crop {axis}")[:, None, None] - 0.5 for axis in ("x", "y"))
    return dataclasses.replace(
        grid,
        x=kept * grid.x + (1 - kept) * grid.width * right,
        y=kept * grid.y + (1 - kept) * grid.height * down,
    )
