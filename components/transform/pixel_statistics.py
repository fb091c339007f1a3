"""The images' shape, and mean and standard deviation of the training split's pixels.

tft.var adds up float32; whole numbers have no rounding, so the statistics do not depend on
the division into shards and batches.
"""

import json
from collections.abc import Iterable

import numpy as np
import tensorflow as tf

FILE = "pixel_statistics.json"
Sums = list[list[int]]  # [sum of values, sum of squares], each a list by channel


def pixel_sums(images: tf.Tensor, shape: tuple[int, int, int]) -> tf.Tensor:
    """What the statistics need to know about each image.

    Args:
      images: (batch,) string, raw uint8 pixels.
      shape: (height, width, channels).

    Returns:
      (batch, 2, channels) int64: the sum of values and the sum of squares.
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


def no_sums(channels: int) -> Sums:
    return [[0] * channels, [0] * channels]


def add(parts: Iterable[Sums]) -> Sums:
    """The sums of all parts. Python's whole numbers: int64 overflows at some billion images."""
    return [
        [sum(channel) for channel in zip(*rows, strict=True)] for rows in zip(*parts, strict=True)
    ]


def of_batch(sums: np.ndarray) -> Sums:
    """The sums of a batch's (batch, 2, channels)."""
    return sums.sum(axis=0).tolist()


def as_json(sums: Sums, images: int, shape: tuple[int, int, int]) -> str:
    """The file's content.

    Args:
      sums: over all images.
      images: how many there are.
      shape: (height, width, channels) of each.

    Returns:
      {"shape": shape, "mean": [by channel], "std": [by channel]}, 0 to 255; the standard
      deviation is that of the population.
    """
    totals, squares = sums
    pixels = max(images * shape[0] * shape[1], 1)
    mean = [total / pixels for total in totals]
    variance = [
        (square * pixels - total * total) / (pixels * pixels)
        for total, square in zip(totals, squares, strict=True)
    ]
    return json.dumps({"shape": shape, "mean": mean, "std": [one**0.5 for one in variance]})
