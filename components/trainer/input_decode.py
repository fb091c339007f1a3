"""Encoded images to raw pixels of one size, as fast as TensorFlow's ops go."""

from collections.abc import Callable

import tensorflow as tf

from components.trainer.input_features import Feature

_JPEG = b"\xff\xd8\xff"
_RATIOS = (1, 2, 4, 8)
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


def decode_images(
    encoded: tf.Tensor, shape: tuple[int, int, int], least_scale: float = 1.0
) -> tf.Tensor:
    """Decodes JPEG, PNG, BMP or GIF (first frame) images and stretches them to `shape`.

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
    height, width, channels = shape

    def one(image):
        decoded = tf.cond(
            tf.strings.substr(image, 0, len(_JPEG)) == _JPEG,
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
        decoded = tf.io.decode_png(mask, channels=channels)
        resized = tf.image.resize(decoded, (height, width), method="nearest")
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
    allowed = tf.reduce_sum([tf.cast(scale / ratio >= least, tf.int32) for ratio in _RATIOS[1:]])

    def decode(ratio):
        # Where the decoder shrinks anyway, its quick ways of doing so cannot be told apart.
        quick = {"fancy_upscaling": False, "dct_method": "INTEGER_FAST"} if ratio > 1 else {}
        return lambda: tf.io.decode_jpeg(encoded, channels=channels, ratio=ratio, **quick)

    return tf.switch_case(allowed, [decode(ratio) for ratio in _RATIOS])
