"""Encoded masks to their values, of PNGs with a palette too, as TensorFlow ops."""

import zlib

import tensorflow as tf

_DEPTH, _COLOUR, _CHECKSUM, _END = 24, 25, 29, 33  # bytes of a PNG's header
_PALETTE = b"\x03"
_SCALES = (255, 255, 85, 85, 17, 17, 17, 17, 1)  # by bit depth: what grey levels are multiplied by


def decode_mask(encoded: tf.Tensor) -> tf.Tensor:
    """Decodes a mask: grey levels, and of a PNG with a palette the places in the palette.

    TensorFlow would give the grey levels of the palette's colours, which are no class ids.
    So such a PNG is declared to be grey, which leaves its pixels as they are. Source:
    "Portable Network Graphics (PNG) Specification", W3C, sections 11.2.2 and 5.3.

    Args:
      encoded: () string.

    Returns:
      (height, width, 1) uint8.

    Raises:
      tf.errors.InvalidArgumentError: when the bytes are no whole image.
    """
    # A short string has none of these bytes, and substr refuses places behind the end.
    head = tf.strings.substr(tf.strings.join([encoded, tf.constant(bytes(_END))]), 0, _END)
    has_palette = tf.logical_and(
        tf.strings.substr(head, 12, 4) == b"IHDR",
        tf.strings.substr(head, _COLOUR, 1) == _PALETTE,
    )
    return tf.cond(has_palette, lambda: _indices(encoded, head), lambda: _decode(encoded))


def _decode(encoded: tf.Tensor) -> tf.Tensor:
    mask = tf.io.decode_image(encoded, channels=1, expand_animations=False)
    return tf.ensure_shape(mask, (None, None, 1))


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
