"""Cutout: one rectangle of a picture, somewhere in it, is blanked (arXiv:1708.04552)."""

from typing import Annotated

from pydantic import Field

from augmentations import Draw


def blank(
    size: tuple[int, int],
    draw: Draw,
    *,
    cutout: Annotated[
        float,
        Field(ge=0, lt=1, description="blanks a rectangle of this share of each side"),
    ] = 0.0,
):
    """Which pixels are blanked, (batch, height, width) bool."""
    import tensorflow as tf

    within = []
    for side, axis in zip(size, ("y", "x"), strict=True):
        length = max(1, round(cutout * side))
        first = tf.floor(draw(f"cutout {axis}") * (side - length + 1))[:, None]  # (batch, 1)
        pixels = tf.range(side, dtype=tf.float32)[None, :]
        within.append((pixels >= first) & (pixels < first + length))  # (batch, side)
    rows, columns = within
    return rows[:, :, None] & columns[:, None, :]
