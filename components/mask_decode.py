"""Decodes masks to class values, from grey levels, palettes or colours, as TensorFlow ops."""

import zlib
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from components.image_decode import decode_image, is_animated_webp

_DEPTH, _COLOUR, _CHECKSUM, _END = 24, 25, 29, 33  # bytes of a PNG's header
_PALETTE = b"\x03"
_SPECIAL = [  # by bit depth and kind of colour: a palette, or 16 bits
    b"IHDR" + bytes(both)
    for both in ((1, 3), (2, 3), (4, 3), (8, 3), (16, 0), (16, 2), (16, 4), (16, 6))
]
_MOST = 255  # the highest value of a mask, and that of no class
_IN_COLOUR = "The mask is in colour: give each class a colour in mask_classes, or use grey levels"
# TensorFlow's factor, by bit depth.
_SCALES = (255, 255, 85, 85, 17, 17, 17, 17, 1)


def decode_mask(encoded: tf.Tensor, colours: Sequence[int] = ()) -> tf.Tensor:
    """Decodes a mask: its grey levels or, for a PNG or BMP with a palette, its palette indices.

    TensorFlow would decode a palette's colours to grey levels, which are not class ids. This
    function therefore rewrites the header of such a PNG to say "grey", which leaves the pixels
    as they are. Source: "Portable Network Graphics (PNG) Specification", W3C, sections 11.2.2
    and 5.3. From 16 bits TensorFlow would keep the upper 8, which are 0 for every class id.

    Args:
      encoded: () string.
      colours: red * 65536 + green * 256 + blue of each class, for a mask whose classes are
        given by their colours, in any format that `decode_image` reads.

    Returns:
      (height, width, 1) uint8; with `colours` the place of the pixel's colour among them, or
      255.

    Raises:
      tf.errors.InvalidArgumentError: the bytes are not a whole image, or hold a value above
        255, or colours where none are given.
    """
    if colours:
        return _places(decode_image(encoded, 3, exif_orientation=False), colours)
    # substr refuses positions behind the end, so a short string is padded.
    head = tf.strings.substr(tf.strings.join([encoded, tf.constant(bytes(_END))]), 0, _END)
    seen = tf.strings.join([tf.strings.substr(head, 12, 4), tf.strings.substr(head, _DEPTH, 2)])

    def special():
        has_palette = tf.strings.substr(head, _COLOUR, 1) == _PALETTE
        return tf.cond(has_palette, lambda: _indices(encoded, head), lambda: _small(encoded))

    # Most masks are not special and should pay for one condition only.
    is_special = tf.reduce_any(seen == tf.constant(_SPECIAL))
    return tf.cond(is_special, special, lambda: _decode(encoded, head))


def _places(image: tf.Tensor, colours: Sequence[int]) -> tf.Tensor:
    """(height, width, 3) uint8 colours to (height, width, 1) uint8 places among `colours`."""
    order = np.argsort(colours)
    rising = tf.constant(np.array(colours)[order], tf.int32)
    packed = tf.reduce_sum(tf.cast(image, tf.int32) * (1 << 16, 1 << 8, 1), -1, keepdims=True)
    nearest = tf.searchsorted(rising, tf.reshape(packed, (-1,)))
    nearest = tf.reshape(tf.minimum(nearest, len(colours) - 1), tf.shape(packed))
    found = tf.gather(rising, nearest) == packed
    return tf.where(found, tf.gather(tf.constant(order, tf.uint8), nearest), _MOST)


def _decode(encoded: tf.Tensor, head: tf.Tensor) -> tf.Tensor:
    readable = tf.where(is_animated_webp(head), "", encoded)
    image = tf.io.decode_image(readable, expand_animations=False)
    channels = tf.shape(image)[-1]
    colours = image[..., : channels - 1 + channels % 2]  # without the alpha channel
    grey, is_grey = _levels(colours)
    return grey + _zero_if(is_grey, _IN_COLOUR)


def _small(encoded: tf.Tensor) -> tf.Tensor:
    mask, is_grey = _levels(tf.cast(tf.io.decode_png(encoded, 3, tf.uint16), tf.int32))
    most = tf.reduce_max(mask)
    above = ["The mask holds ", tf.strings.as_string(most), f", and values go up to {_MOST}"]
    message = tf.where(is_grey, tf.strings.join(above), _IN_COLOUR)
    return tf.cast(mask, tf.uint8) + _zero_if(is_grey & (most <= _MOST), message)


def _levels(colours: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """(height, width, 1) grey levels, and whether all colours, (height, width, any), are grey."""
    grey = tf.ensure_shape(tf.reduce_max(colours, axis=-1, keepdims=True), (None, None, 1))
    return grey, tf.reduce_all(colours == grey)


def _zero_if(holds: tf.Tensor, message: tf.Tensor | str) -> tf.Tensor:
    """() uint8 0; raises an InvalidArgumentError with the message where it does not hold."""
    if tf.executing_eagerly() and not holds:
        raise tf.errors.InvalidArgumentError(None, None, tf.constant(message).numpy().decode())
    # The message is not a number, so converting it raises an error that quotes it. An Assert
    # would be stateful, which slows down masks of 8 bits too.
    return tf.cast(tf.strings.to_number(tf.where(holds, "0", message)), tf.uint8)


def _indices(encoded: tf.Tensor, head: tf.Tensor) -> tf.Tensor:
    seen = tf.io.decode_raw(head, tf.uint8)  # (33,)
    # Grey is colour type 0. A CRC is linear, so this change has the same effect on all of them.
    change = bytearray(_END)
    change[_COLOUR] = _PALETTE[0]
    difference = zlib.crc32(bytes(change[12:_CHECKSUM])) ^ zlib.crc32(bytes(_CHECKSUM - 12))
    change[_CHECKSUM:] = difference.to_bytes(4, "big")
    grey = tf.bitwise.bitwise_xor(seen, tf.constant(list(change), tf.uint8))
    # serialize_tensor ends with exactly these bytes; no op gives them alone.
    as_text = tf.strings.substr(tf.io.serialize_tensor(grey), -_END, _END)
    rest = tf.strings.substr(encoded, _END, tf.strings.length(encoded))
    mask = _decode(tf.strings.join([as_text, rest]), head)
    depth = tf.minimum(tf.cast(seen[_DEPTH], tf.int32), 8)
    return mask // tf.gather(tf.constant(_SCALES, tf.uint8), depth)
