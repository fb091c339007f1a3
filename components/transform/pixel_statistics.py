"""The images' shape, and mean and standard deviation of the training split's pixels.

tft.var adds up float32; whole numbers have no rounding, so the statistics do not depend on
the division into shards and batches.
"""

import numpy as np
import tensorflow as tf

from files.strict_json import text_of

FILE = "pixel_statistics.json"


def pixel_sums(images: tf.Tensor, shape: tuple[int, int, int]) -> tf.Tensor:
    """The sum of values and the sum of squares, (batch, 2, channels) int64.

    Args:
      images: (batch,) string, raw uint8 pixels.
      shape: (height, width, channels).
    """
    height, width, channels = shape
    pixels = tf.reshape(tf.io.decode_raw(images, tf.uint8), (-1, height, width * channels))
    values = tf.cast(pixels, tf.int32)  # (batch, height, width * channels)

    def per_channel(columns):
        rows = tf.reshape(tf.cast(columns, tf.int64), (-1, width, channels))
        return tf.reduce_sum(rows, axis=1)  # (batch, channels)

    # A column's sum of squares fits int32 up to a height of 33,025; int64 throughout is slower.
    sums = tf.reduce_sum(values, axis=1)
    squares = tf.reduce_sum(values * values, axis=1)
    return tf.stack([per_channel(sums), per_channel(squares)], axis=1)


def of_batch(sums: np.ndarray) -> np.ndarray:
    """A batch's (batch, 2, channels) added up: (2, channels) of Python's whole numbers, to be
    added up further, because int64 overflows at some billion images."""
    return sums.sum(axis=0).astype(object)


def as_json(sums: np.ndarray, images: int, shape: tuple[int, int, int]) -> str:
    """The file's content, from the sums over all images, (2, channels).

    Returns:
      {"shape": shape, "mean": [by channel], "std": [by channel]}, 0 to 255; the standard
      deviation is that of the population.
    """
    totals, squares = sums.tolist()
    pixels = max(images * shape[0] * shape[1], 1)
    mean = [total / pixels for total in totals]
    variance = [
        (square * pixels - total * total) / (pixels * pixels)
        for total, square in zip(totals, squares, strict=True)
    ]
    return text_of({"shape": shape, "mean": mean, "std": [one**0.5 for one in variance]})
