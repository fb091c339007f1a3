"""Encoded images to raw pixels of one size, by TensorFlow's ops or quicker ones."""

import contextlib
import math
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from components.mask_decode import decode_mask
from components.trainer import input_jpeg
from components.trainer.input_features import Feature
from components.trainer.input_jpeg import JPEG, RATIOS

_AT_ONCE = 32


def decode_features(
    values: tuple[tf.Tensor, ...], features: tuple[Feature, ...], least_scale: float
) -> tuple[tf.Tensor, ...]:
    """Rows of an image and what stands beside it: a mask in a PNG, or a number.

    Args:
      values: (batch,) string or integer, one a feature; the image comes first.
      features: theirs.
      least_scale: as `decode_images`'s.

    Returns:
      (batch, row) uint8 or (batch,) int64, one a feature.
    """
    image, target = features
    pixels = decode_images(values[0], image.shape, least_scale)
    if target.dtype == "uint8":
        return pixels, decode_masks(values[1], target.shape)
    return pixels, tf.cast(values[1], tf.int64)


def fill_rows(
    values: tuple[tf.Tensor, ...],
    features: tuple[Feature, ...],
    least_scale: float,
    start: tf.Tensor,
    arrays: tuple[np.ndarray, ...],
) -> tf.Tensor:
    """As `decode_features`, straight into the arrays' rows from `start` on.

    Args:
      values, features, least_scale: as `decode_features`'s.
      start: () int64.
      arrays: (examples, *row_shape), one a feature.

    Returns:
      () int64, how many rows were filled.
    """
    image, target = features
    if target.dtype == "uint8":
        targets = decode_masks(values[1], target.shape)
    else:
        targets = tf.cast(values[1], tf.int64)

    def fill(start, images, targets):
        end = start + len(images)
        arrays[1][start:end] = targets
        with _no_image():
            _quickly(images, image.shape, least_scale, arrays[0][start:end])
        return end - start

    def copy(start, rows, targets):
        end = start + len(rows)
        arrays[0][start:end], arrays[1][start:end] = rows, targets
        return end - start

    def by_ops():
        return _by_ops(values[0], image.shape, least_scale)

    return tf.cond(
        tf.reduce_any(_is_jpeg(values[0])),
        lambda: tf.numpy_function(fill, [start, values[0], targets], tf.int64),
        lambda: tf.numpy_function(copy, [start, by_ops(), targets], tf.int64),
    )


def decode_images(
    encoded: tf.Tensor, shape: tuple[int, int, int], least_scale: float = 1.0
) -> tf.Tensor:
    """Decodes JPEG, PNG, BMP or GIF (first frame) images and stretches them to `shape`.

    Bilinearly, with half-pixel centres.  JPEGs go through `input_jpeg` where it is available,
    all else through TensorFlow's ops.

    Args:
      encoded: (batch,) string.
      shape: (height, width, channels); 1 or 3 channels.
      least_scale: a JPEG decoder gives halves, quarters and eighths of an image for less
        than the whole. They are used down to this part of `shape`'s height and width; 1 never
        enlarges again what was shrunk, 0.8 is faster and softer.

    Returns:
      (batch, height * width * channels) uint8.

    Raises:
      tf.errors.InvalidArgumentError: bytes that are no whole image.
    """
    if not input_jpeg.available():
        return _by_ops(encoded, shape, least_scale)
    row = math.prod(shape)

    def quickly(images):
        rows = np.empty((len(images), row), np.uint8)
        _quickly(images, shape, least_scale, rows)
        return rows

    def quickly_in_graph(images):
        with _no_image():
            return quickly(images)

    if tf.executing_eagerly():
        return tf.constant(quickly(encoded.numpy()))
    rows = tf.cond(
        tf.reduce_any(_is_jpeg(encoded)),
        lambda: tf.numpy_function(quickly_in_graph, [encoded], tf.uint8, stateful=False),
        lambda: _by_ops(encoded, shape, least_scale),
    )
    return tf.ensure_shape(rows, (encoded.shape[0], row))


def decoding(least_scale: float) -> list:
    """What the pixels depend on beside the images: a cache holds for one such list."""
    return [least_scale, input_jpeg.available()]


def _is_jpeg(encoded: tf.Tensor) -> tf.Tensor:
    return tf.strings.substr(encoded, 0, len(JPEG)) == JPEG


@contextlib.contextmanager
def _no_image():
    """numpy_function makes an InvalidArgumentError of a ValueError, and of nothing else."""
    try:
        yield
    except tf.errors.InvalidArgumentError as error:
        raise ValueError(error.message) from error


def _quickly(
    images: np.ndarray, shape: tuple[int, int, int], least_scale: float, rows: np.ndarray
) -> None:
    left = input_jpeg.decode_rows(images, shape, least_scale, rows)
    if left:
        with tf.device("CPU"):
            rows[left] = _by_ops(tf.constant(images[left]), shape, least_scale)


def _by_ops(encoded: tf.Tensor, shape: tuple[int, int, int], least_scale: float) -> tf.Tensor:
    height, width, channels = shape

    def one(image):
        decoded = tf.cond(
            _is_jpeg(image),
            lambda: _decode_jpeg(image, shape, least_scale),
            lambda: tf.io.decode_image(image, channels=channels, expand_animations=False),
        )
        decoded.set_shape((None, None, channels))
        resized = tf.image.resize(decoded, (height, width))  # bilinear, float32 in 0..255
        return tf.reshape(tf.cast(resized + 0.5, tf.uint8), (height * width * channels,))

    return _each(one, encoded, height * width * channels)


def decode_masks(encoded: tf.Tensor, shape: tuple[int, int, int]) -> tf.Tensor:
    """Decodes PNG masks, (batch,) string, and resizes them by nearest neighbour.

    Returns:
      (batch, height * width) uint8: only values that the mask holds.
    """
    height, width, channels = shape

    def one(mask):
        resized = tf.image.resize(decode_mask(mask), (height, width), method="nearest")
        return tf.reshape(resized, (height * width * channels,))

    return _each(one, encoded, height * width * channels)


def _each(one: Callable, encoded: tf.Tensor, size: int) -> tf.Tensor:
    row = tf.TensorSpec((size,), tf.uint8)
    at_once = None if tf.executing_eagerly() else _AT_ONCE  # TensorFlow warns of it there.
    return tf.map_fn(one, encoded, fn_output_signature=row, parallel_iterations=at_once)


def _decode_jpeg(encoded: tf.Tensor, shape: tuple[int, int, int], least: float) -> tf.Tensor:
    height, width, channels = shape
    size = tf.cast(tf.io.extract_jpeg_shape(encoded)[:2], tf.float32)
    scale = tf.reduce_min(size / (height, width))  # how much larger than wanted
    allowed = tf.reduce_sum([tf.cast(scale / ratio >= least, tf.int32) for ratio in RATIOS[1:]])

    def decode(ratio):
        # Where the decoder shrinks anyway, its quick ways of doing so cannot be told apart.
        quick = {"fancy_upscaling": False, "dct_method": "INTEGER_FAST"} if ratio > 1 else {}
        return lambda: tf.io.decode_jpeg(encoded, channels=channels, ratio=ratio, **quick)

    return tf.switch_case(allowed, [decode(ratio) for ratio in RATIOS])
