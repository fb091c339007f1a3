"""Encoded images to raw pixels of one size, by TensorFlow's ops or quicker ones."""

import contextvars
import functools
import math
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from components import graph_error
from components.exif_orientation import orientations, turned
from components.image_decode import UNDECODABLE, decode_image
from components.mask_decode import decode_mask
from components.picture_parts import find, may_tell
from components.trainer.input import jpeg
from components.trainer.input.crop import RandomCrop, decode_windows
from components.trainer.input.features import Feature, aligned_rows
from components.trainer.input.jpeg import JPEG, RATIOS
from components.trainer.input.python_calls import numpy_function

_AT_ONCE = 32
# Set while a dataset is made that other processes run: no function of Python goes there.
elsewhere = contextvars.ContextVar("elsewhere", default=False)


def decode_features(
    values: tuple[tf.Tensor, ...], features: tuple[Feature, ...]
) -> tuple[tf.Tensor, ...]:
    """Rows of an image and what stands beside it: a mask in a PNG, or numbers.

    Args:
      values: (batch,) string or numbers, one a feature; the image comes first.

    Returns:
      (batch, row) uint8, or (batch,) of the feature's dtype, one a feature.
    """
    image, *beside = features
    decoded = [decode_images(values[0], image.shape, image.exif_orientation)]
    for feature, given in zip(beside, values[1:], strict=True):
        is_mask = feature.dtype == "uint8"
        decoded.append(
            decode_masks(given, feature.shape) if is_mask else tf.cast(given, feature.dtype)
        )
    return tuple(decoded)


def decode_images(
    encoded: tf.Tensor, shape: tuple[int, int, int], exif_orientation: bool = True
) -> tf.Tensor:
    """Decodes JPEG, PNG, BMP, GIF or WebP images and stretches them to `shape`.

    Bilinearly, with half-pixel centres.  JPEGs go through `jpeg` where it is available,
    all else, and what is decoded `elsewhere`, through TensorFlow's ops.

    Args:
      encoded: (batch,) string.
      shape: (height, width, channels); 1 or 3 channels.
      exif_orientation: whether to turn them first as their EXIF orientation says.

    Returns:
      (batch, height * width * channels) uint8.

    Raises:
      tf.errors.InvalidArgumentError: the bytes are not a whole image.
    """

    def quickly(images):
        return _quickly(images, shape, exif_orientation)

    if elsewhere.get() or not jpeg.available():
        return _by_ops(encoded, _turns(encoded, exif_orientation), shape)
    if tf.executing_eagerly():
        return tf.constant(quickly(encoded.numpy()))
    rows = _in_python(quickly, [encoded])
    return tf.ensure_shape(rows, (encoded.shape[0], math.prod(shape)))


def decode_crops(
    values: tuple[tf.Tensor, ...],
    features: tuple[Feature, ...],
    crop: RandomCrop,
    draws: tf.Tensor,
) -> tuple[tf.Tensor, ...]:
    """As `decode_features`, of a window of each image; beside it may only stand numbers.

    Args:
      draws: (batch, DRAWS) float32 in 0..1, which decide where the windows are.
    """
    image, *beside = features

    def cropped(images, draws):
        rows = aligned_rows(len(images), image.row_bytes)
        turns = _turns_quickly(images, image.exif_orientation)
        decode_windows(images, turns, draws, crop, image.shape, rows)
        return rows

    rows = _in_python(cropped, [values[0], draws])
    rows = tf.ensure_shape(rows, (values[0].shape[0], image.row_bytes))
    numbers = (tf.cast(v, f.dtype) for v, f in zip(values[1:], beside, strict=True))
    return rows, *numbers


def _in_python(decode: Callable, inputs: list[tf.Tensor]) -> tf.Tensor:
    def decoded(*values):
        try:
            return decode(*values)
        except UNDECODABLE as error:
            # numpy_function makes that of a ValueError, and of nothing else.
            raise ValueError(graph_error.cause(error, "It is damaged")) from error

    return numpy_function(decoded, inputs, tf.uint8)


def decoder(image: Feature) -> list:
    """What besides the file decides about an image's pixels, for the key of a cache."""
    by = "libjpeg-turbo and OpenCV" if jpeg.available() else "TensorFlow"
    return [by, image.exif_orientation]


def _turns(encoded: tf.Tensor, exif_orientation: bool) -> tf.Tensor:
    if not exif_orientation:
        return tf.ones_like(encoded, tf.int32)
    return orientations(encoded, find(encoded))


def _turns_quickly(images: np.ndarray, exif_orientation: bool) -> np.ndarray:
    """As `_turns`: most JPEGs tell nothing, and need no search of their parts."""
    turns = np.ones(len(images), np.int32)
    telling = [n for n, one in enumerate(images) if not one.startswith(JPEG) or may_tell(one)]
    if exif_orientation and telling:
        with tf.device("CPU"):
            turns[telling] = _turns(tf.constant(images[telling]), True).numpy()
    return turns


def _is_jpeg(encoded: tf.Tensor) -> tf.Tensor:
    return tf.strings.substr(encoded, 0, len(JPEG)) == JPEG


def _quickly(images: np.ndarray, shape: tuple[int, int, int], exif_orientation: bool) -> np.ndarray:
    turns = _turns_quickly(images, exif_orientation)
    rows = aligned_rows(len(images), math.prod(shape))
    left = jpeg.decode_rows(images, turns, shape, rows)
    if left:
        with tf.device("CPU"):
            others = tf.constant(images[left]), tf.constant(turns[left])
            rows[left] = _function_by_ops(shape)(*others).numpy()
    return rows


@functools.cache
def _function_by_ops(shape: tuple[int, int, int]) -> Callable:
    """`_by_ops`, traced where it is first needed: that takes a second, and most never need it."""
    texts, turns = tf.TensorSpec([None], tf.string), tf.TensorSpec([None], tf.int32)
    by_ops = functools.partial(_by_ops, shape=shape)
    return tf.function(by_ops, input_signature=[texts, turns], autograph=False)


def _by_ops(encoded: tf.Tensor, turns: tf.Tensor, shape: tuple[int, int, int]) -> tf.Tensor:
    height, width, channels = shape

    def one(both):
        image, orientation = both
        shrinkable = tf.cond(
            _is_jpeg(image),
            lambda: (
                (orientation == 1)  # Of another size than wanted, it would shrink too far.
                & (tf.io.extract_jpeg_shape(image)[2] != 4)  # CMYK
            ),
            lambda: tf.constant(False),
        )
        decoded = tf.cond(
            shrinkable,
            lambda: _decode_jpeg(image, shape),
            lambda: turned(decode_image(image, channels, False), orientation),
        )
        decoded.set_shape((None, None, channels))
        resized = tf.image.resize(decoded, (height, width))  # bilinear, float32 in 0..255
        return tf.reshape(tf.cast(resized + 0.5, tf.uint8), (height * width * channels,))

    return _each(one, (encoded, turns), height * width * channels)


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


def _each(one: Callable, encoded: tf.Tensor | tuple, size: int) -> tf.Tensor:
    row = tf.TensorSpec((size,), tf.uint8)
    at_once = None if tf.executing_eagerly() else _AT_ONCE  # TensorFlow warns of it there.
    return tf.map_fn(one, encoded, fn_output_signature=row, parallel_iterations=at_once)


def _decode_jpeg(encoded: tf.Tensor, shape: tuple[int, int, int]) -> tf.Tensor:
    height, width, channels = shape
    size = tf.cast(tf.io.extract_jpeg_shape(encoded)[:2], tf.float32)
    scale = tf.reduce_min(size / (height, width))  # how much larger than needed
    allowed = tf.reduce_sum([tf.cast(scale >= ratio, tf.int32) for ratio in RATIOS[1:]])

    def decode(ratio):
        # Where the decoder shrinks, its fast ways give the same result.
        quick = {"fancy_upscaling": False, "dct_method": "INTEGER_FAST"} if ratio > 1 else {}
        return lambda: tf.io.decode_jpeg(encoded, channels=channels, ratio=ratio, **quick)

    return tf.switch_case(allowed, [decode(ratio) for ratio in RATIOS])
