"""Random erasing: some pictures lose a rectangle of random size (arXiv:1708.04896)."""

import math
from typing import Annotated

from pydantic import Field

from augmentations import Draw

_AREA = (0.02, 1 / 3)  # of the picture
_ASPECT = 0.3  # height to width, at least, and at most its inverse


def blank(
    size: tuple[int, int],
    draw: Draw,
    *,
    random_erasing: Annotated[
        float,
        Field(
            ge=0,
            le=1,
            description="share of the images in which a rectangle of 2 to 33 percent of the area "
            "is blanked",
        ),
    ] = 0.0,
):
    """Which pixels are blanked, (batch, height, width) bool."""
    import tensorflow as tf

    chosen = draw("random_erasing chosen") < random_erasing  # (batch,)
    area = _AREA[0] + (_AREA[1] - _AREA[0]) * draw("random_erasing area")
    stretch = tf.exp(math.log(_ASPECT) * (1 - 2 * draw("random_erasing aspect")))
    within = []
    for side, share, axis in zip(
        size, (tf.sqrt(area * stretch), tf.sqrt(area / stretch)), ("y", "x"), strict=True
    ):
        length = tf.clip_by_value(tf.round(share * side), 1, side)
        first = tf.floor(draw(f"random_erasing {axis}") * (side - length + 1))[:, None]
        pixels = tf.range(side, dtype=tf.float32)[None, :]
        within.append((pixels >= first) & (pixels < first + length[:, None]))  # (batch, side)
    rows, columns = within
    return rows[:, :, None] & columns[:, None, :] & chosen[:, None, None]
