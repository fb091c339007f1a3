"""Encoded images to raw pixels of one size, as TensorFlow ops for training and serving."""

import math
from collections.abc import Callable

import tensorflow as tf

from components.image_decode import map_images
from settings.preprocessing import Preprocessing

DECODED_AT_ONCE = 8  # images of one batch; more would only hold more large pictures in memory


def central_crop_to_aspect(image: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """Cuts the longer side of (height, width, channels) evenly until it has the proportions
    height:width; at least 1x1 is left."""
    size = tf.shape(image)
    kept_height = tf.clip_by_value(size[1] * height // width, 1, size[0])
    kept_width = tf.clip_by_value(size[0] * width // height, 1, size[1])
    top = (size[0] - kept_height) // 2
    left = (size[1] - kept_width) // 2
    return image[top : top + kept_height, left : left + kept_width]


def resize(image: tf.Tensor, height: int, width: int, method: str, antialias: bool) -> tf.Tensor:
    """Stretches or shrinks one uint8 image to (height, width, channels), rounded.

    Args:
      method: "bilinear", "area" or "nearest".
      antialias: filter before shrinking; for "bilinear" only.
    """

    def resize_once(filtered):
        return tf.image.resize(image, (height, width), method=method, antialias=filtered)

    if antialias and method == "bilinear":
        # Growing needs no filter, and the filtering kernel is slow even then.
        shrinks = tf.reduce_any(tf.shape(image)[:2] > (height, width))
        resized = tf.cond(shrinks, lambda: resize_once(True), lambda: resize_once(False))
    else:
        resized = resize_once(False)
    # A weighted mean of bytes, so rounded it is a byte: clipping it would be one more pass.
    return tf.cast(tf.round(resized), tf.uint8)


def pad_to_size(
    image: tf.Tensor, height: int, width: int, resize_to: Callable, fill: int = 0
) -> tf.Tensor:
    """Shrinks or grows a uint8 image as a whole until it fits, and fills up evenly with `fill`.

    Args:
      resize_to: (image, height, width) -> the image in that size.
    """
    size = tf.cast(tf.shape(image)[:2], tf.float64)
    scale = tf.minimum(height / size[0], width / size[1])
    inner = tf.clip_by_value(tf.cast(tf.round(size * scale), tf.int32), 1, (height, width))
    spare = (height, width) - inner
    before = spare // 2
    paddings = tf.stack([before, spare - before], axis=1)  # (2, 2): (side, before and after)
    resized = resize_to(image, inner[0], inner[1])
    return tf.pad(resized, tf.pad(paddings, [[0, 1], [0, 0]]), constant_values=fill)


def place(
    image: tf.Tensor, options: Preprocessing, resize_to: Callable, fill: int = 0
) -> tf.Tensor:
    """Brings a uint8 picture to the configured size, its proportions treated as configured.

    Args:
      resize_to: (image, height, width) -> the image in that size.
      fill: the value of what is padded.
    """
    if options.aspect == "pad":
        return pad_to_size(image, options.height, options.width, resize_to, fill)
    if options.aspect == "crop":
        image = central_crop_to_aspect(image, options.height, options.width)
    return resize_to(image, options.height, options.width)


def fit(image: tf.Tensor, options: Preprocessing) -> tf.Tensor:
    """Brings one uint8 image to `options.shape`."""

    def resize_to(picture, height, width):
        return resize(picture, height, width, options.resize, options.antialias)

    return tf.ensure_shape(place(image, options, resize_to), options.shape)


def raw_bytes(image: tf.Tensor, size: int) -> tf.Tensor:
    """The pixels of one uint8 image as a string of `size` bytes, row by row.

    serialize_tensor ends with exactly these bytes; no op gives them alone.
    """
    return tf.strings.substr(tf.io.serialize_tensor(image), -size, size)


def images_and_sizes(encoded: tf.Tensor, options: Preprocessing) -> tuple[tf.Tensor, tf.Tensor]:
    """Decodes and fits a batch of encoded images, (batch,) string.

    Returns:
      (batch,) string, each of exactly height * width * channels raw uint8 values, and (batch, 2)
      int32, height and width before fitting.
    """

    def image_and_size(image):
        return raw_bytes(fit(image, options), math.prod(options.shape)), tf.shape(image)[:2]

    return map_images(
        image_and_size,
        encoded,
        options.channels,
        options.exif_orientation,
        fn_output_signature=(tf.string, tf.TensorSpec([2], tf.int32)),
        parallel_iterations=DECODED_AT_ONCE,
    )
