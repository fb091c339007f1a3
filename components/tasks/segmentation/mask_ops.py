"""Encoded masks to class ids of one size, as TensorFlow ops, laid out as their images are."""

from collections.abc import Sequence

import tensorflow as tf

from components.mask_decode import decode_mask
from components.transform import image_ops
from settings.data import NO_CLASS
from settings.preprocessing import Preprocessing


def class_table(values: Sequence[int]) -> tf.Tensor:
    """(256,) uint8, the class id of each pixel value; NO_CLASS for values of no class."""
    ids = [NO_CLASS] * 256
    for class_id, value in enumerate(values):
        ids[value] = class_id
    return tf.constant(ids, tf.uint8)


def same_proportions(mask_size: tf.Tensor, image_size: tf.Tensor) -> tf.Tensor:
    """Whether a mask has its image's proportions, () bool, to within one pixel of either side;
    sizes are (2,) int32, height and width."""
    mask, image = tf.cast(mask_size, tf.int64), tf.cast(image_size, tf.int64)
    return tf.abs(mask[0] * image[1] - mask[1] * image[0]) < image[0] + image[1]


def fit(mask: tf.Tensor, options: Preprocessing, values: Sequence[int]) -> tf.Tensor:
    """Brings one mask, (height, width, 1) uint8, to the configured size as its image.

    Args:
      values: each class's pixel value, in the order of the class ids.

    Returns:
      (options.height, options.width, 1) uint8 class ids, each of one of the mask's own
      pixels (the nearest); NO_CLASS for values of no class and for padding.
    """
    table = class_table(values)

    def resize_to(picture, height, width):
        resized = image_ops.resize(picture, height, width, "nearest", antialias=False)
        return tf.gather(table, tf.cast(resized, tf.int32))

    return tf.ensure_shape(
        image_ops.place(mask, options, resize_to, fill=NO_CLASS),
        (options.height, options.width, 1),
    )


def masks_to_bytes(
    encoded: tf.Tensor,
    image_sizes: tf.Tensor,
    options: Preprocessing,
    values: Sequence[int],
    colours: Sequence[int] = (),
) -> tf.Tensor:
    """Decodes and fits a batch of masks.

    Args:
      encoded: (batch,) string, encoded masks, as `decode_mask` reads them.
        An empty string stands for no mask, as TensorFlow Transform gives it to a graph
        that is called with images alone: all of its pixels are of no class.
      image_sizes: (batch, 2) int32, height and width of the images before they were fitted.
      values: as for `fit`.
      colours: as for `decode_mask`.

    Returns:
      (batch,) string, each of exactly height * width uint8 class ids.

    Raises:
      tf.errors.InvalidArgumentError: when a mask cannot be decoded, or lacks its image's
        proportions.
    """

    size = options.height * options.width

    def fitted(one, image_size):
        mask = decode_mask(one, colours)
        fits = same_proportions(tf.shape(mask)[:2], image_size)
        with tf.control_dependencies([tf.debugging.Assert(fits, [tf.shape(mask), image_size])]):
            return image_ops.raw_bytes(fit(mask, options, values), size)

    def mask_to_bytes(both):
        one, image_size = both
        nothing = tf.constant(bytes([NO_CLASS]) * size)
        return tf.cond(one == "", lambda: nothing, lambda: fitted(one, image_size))

    return tf.map_fn(
        mask_to_bytes,
        (encoded, image_sizes),
        fn_output_signature=tf.string,
        parallel_iterations=image_ops.DECODED_AT_ONCE,
    )
