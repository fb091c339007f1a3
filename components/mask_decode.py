"""Decodes masks to class values, also from PNGs with a palette or 16 bits, as TensorFlow ops."""

import zlib

import tensorflow as tf

_DEPTH, _COLOUR, _CHECKSUM, _END = 24, 25, 29, 33  # bytes of a PNG's header
_PALETTE = b"\x03"
_SPECIAL = [  # by bit depth and kind of colour: a palette, or 16 bits
    b"IHDR" + bytes(both)
    for both in ((1, 3), (2, 3), (4, 3), (8, 3), (16, 0), (16, 2), (16, 4), (16, 6))
]
_MOST = 255  # the highest value of a mask
# TensorFlow's factor, by bit depth.
_SCALES = (255, 255, 85, 85, 17, 17, 17, 17, 1)


def decode_mask(encoded: tf.Tensor) -> tf.Tensor:
    """Decodes a mask: its grey levels or, for a PNG with a palette, its palette indices.

    TensorFlow would decode a palette's colours to grey levels, which are not class ids. This
    function therefore rewrites the header of such a PNG to say "grey", which leaves the pixels
    as they are. Source: "Portable Network Graphics (PNG) Specification", W3C, sections 11.2.2
    and 5.3. From 16 bits TensorFlow would keep the upper 8, which are 0 for every class id.

    Args:
      encoded: () string.

    Returns:
      (height, width, 1) uint8.

    Raises:
      tf.errors.InvalidArgumentError: the bytes are not a whole image, or a PNG holds a value
        above 255.
    """
    # substr refuses positions behind the end, so a short string is padded.
    head = tf.strings.substr(tf.strings.join([encoded, tf.constant(bytes(_END))]), 0, _END)
    seen = tf.strings.join([tf.strings.substr(head, 12, 4), tf.strings.substr(head, _DEPTH, 2)])

    def special():
        has_palette = tf.strings.substr(head, _COLOUR, 1) == _PALETTE
        return tf.cond(has_palette, lambda: _indices(encoded, head), lambda: _small(encoded))

    # Most masks are not special and should pay for one condition only.
    is_special = tf.reduce_any(seen == tf.constant(_SPECIAL))
    return tf.cond(is_special, special, lambda: _decode(encoded))


def _decode(encoded: tf.Tensor) -> tf.Tensor:
    mask = tf.io.decode_image(encoded, channels=1, expand_animations=False)
    return tf.ensure_shape(mask, (None, None, 1))


def _small(encoded: tf.Tensor) -> tf.Tensor:
    mask = tf.ensure_shape(tf.io.decode_png(encoded, 1, tf.uint16), (None, None, 1))
    most = tf.reduce_max(tf.cast(mask, tf.int32))
    message = ["The mask holds ", tf.strings.as_string(most), f", and values go up to {_MOST}"]
    message = tf.strings.join(message)
    if tf.executing_eagerly() and most > _MOST:
        raise tf.errors.InvalidArgumentError(None, None, message.numpy().decode())
    # The message is not a number, so converting it raises an error that quotes it. An Assert
    # would be stateful, which slows down masks of 8 bits too.
    nothing = tf.strings.to_number(tf.where(most > _MOST, message, "0"))
    return tf.cast(mask, tf.uint8) + tf.cast(nothing, tf.uint8)


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
    mask = _decode(tf.strings.join([as_text, rest]))
    depth = tf.minimum(tf.cast(seen[_DEPTH], tf.int32), 8)
    return mask // tf.gather(tf.constant(_SCALES, tf.uint8), depth)
