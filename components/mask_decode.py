"""Encoded masks to their values, of PNGs with a palette or 16 bits too, as TensorFlow ops."""

import zlib

import tensorflow as tf

_DEPTH, _COLOUR, _CHECKSUM, _END = 24, 25, 29, 33  # bytes of a PNG's header
_PALETTE = b"\x03"
_SPECIAL = [  # by bit depth and kind of colour: a palette, or 16 bits
    b"IHDR" + bytes(both)
    for both in ((1, 3), (2, 3), (4, 3), (8, 3), (16, 0), (16, 2), (16, 4), (16, 6))
]
_MOST = 255  # what a mask's values go up to
_SCALES = (255, 255, 85, 85, 17, 17, 17, 17, 1)  # by bit depth: what grey levels are multiplied by


def decode_mask(encoded: tf.Tensor) -> tf.Tensor:
    """Decodes a mask: grey levels, and of a PNG with a palette the places in the palette.

    TensorFlow would give the grey levels of the palette's colours, which are no class ids.
    So such a PNG is declared to be grey, which leaves its pixels as they are. Source:
    "Portable Network Graphics (PNG) Specification", W3C, sections 11.2.2 and 5.3.
    Of 16 bits TensorFlow would give the upper 8, which are 0 for every class id.

    Args:
      encoded: () string.

    Returns:
      (height, width, 1) uint8.

    Raises:
      tf.errors.InvalidArgumentError: when the bytes are no whole image, or those of a PNG
        with a value above 255.
    """
    # A short string has none of these bytes, and substr refuses places behind the end.
    head = tf.strings.substr(tf.strings.join([encoded, tf.constant(bytes(_END))]), 0, _END)
    seen = tf.strings.join([tf.strings.substr(head, 12, 4), tf.strings.substr(head, _DEPTH, 2)])

    def special():
        has_palette = tf.strings.substr(head, _COLOUR, 1) == _PALETTE
        return tf.cond(has_palette, lambda: _indices(encoded, head), lambda: _small(encoded))

    # Most masks are not, and should pay for one condition only.
    is_special = tf.reduce_any(seen == tf.constant(_SPECIAL))
    return tf.cond(is_special, special, lambda: _decode(encoded))


def _decode(encoded: tf.Tensor) -> tf.Tensor:
    mask = tf.io.decode_image(encoded, channels=1, expand_animations=False)
    return tf.ensure_shape(mask, (None, None, 1))


def _small(encoded: tf.Tensor) -> tf.Tensor:
    mask = tf.ensure_shape(tf.io.decode_png(encoded, 1, tf.uint16), (None, None, 1))
    most = tf.reduce_max(tf.cast(mask, tf.int32))
    told = ["The mask holds ", tf.strings.as_string(most), f", and values go up to {_MOST}"]
    told = tf.strings.join(told)
    if tf.executing_eagerly() and most > _MOST:
        raise tf.errors.InvalidArgumentError(None, None, told.numpy().decode())
    # What is told is no number, which is an error. An Assert would have state, and by that
    # slow down the masks of 8 bits too.
    nothing = tf.strings.to_number(tf.where(most > _MOST, told, "0"))
    return tf.cast(mask, tf.uint8) + tf.cast(nothing, tf.uint8)


def _indices(encoded: tf.Tensor, head: tf.Tensor) -> tf.Tensor:
    seen = tf.io.decode_raw(head, tf.uint8)  # (33,)
    # Grey is colour type 0. A CRC is linear: what this changes of it is the same for all.
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
