"""Reads the texts of PNGs, plain or compressed, as TensorFlow ops.

Source: W3C, "Portable Network Graphics (PNG) Specification", 11.3.4.
"""

import zlib

import tensorflow as tf

_PLAIN, _COMPRESSED, _INTERNATIONAL = b"tEXt", b"zTXt", b"iTXt"
_KEYWORD = r"^[^\x00]*\x00"
_MORE = r"\C\C[^\x00]*\x00[^\x00]*\x00"  # flag, method, language, keyword in that language
_IS_COMPRESSED = rf"(?s){_KEYWORD}\x01\C*"
_MOST_BYTES = 1 << 19  # of a compressed text: it may become a thousand times as long
_NOTHING = zlib.compress(b"")
_BYTES = [bytes([value]) for value in range(256)]


def content(part: tf.Tensor) -> tf.Tensor:
    """The text of a part, () string from its kind on; "" where it cannot be read.

    Of what is no text, the part itself.

    Raises:
      tf.errors.DataLossError: a compressed text is damaged.
    """
    kind = tf.strings.substr(part, 0, 4)
    text = tf.strings.substr(part, 4, tf.strings.length(part))
    is_international = kind == _INTERNATIONAL
    is_compressed = (kind == _COMPRESSED) | (
        is_international & tf.strings.regex_full_match(text, _IS_COMPRESSED)
    )
    before = tf.where(is_compressed, rf"{_KEYWORD}\x00", _KEYWORD)
    before = tf.where(is_international, _KEYWORD + _MORE, before)
    text = tf.strings.regex_replace(text, before, "", replace_global=False)
    text = tf.where(is_compressed, _decompressed(tf.where(is_compressed, text, "")), text)
    return tf.where(is_international | is_compressed | (kind == _PLAIN), text, part)


def _decompressed(text: tf.Tensor) -> tf.Tensor:
    """Source: RFC 1950, 2.2."""
    start = tf.strings.join([text, tf.constant(b"\0\0")])
    start = tf.cast(tf.io.decode_raw(tf.strings.substr(start, 0, 2), tf.uint8), tf.int32)
    is_zlib = (start[0] % 16 == 8) & ((start[0] * 256 + start[1]) % 31 == 0)
    readable = is_zlib & (tf.strings.length(text) <= _MOST_BYTES)
    return tf.io.decode_compressed(tf.where(readable, text, _NOTHING), "ZLIB")


def from_hexadecimal(text: tf.Tensor) -> tf.Tensor:
    """The bytes that ImageMagick writes as digits behind three lines of a text, () string."""
    lines = r"^[^\n]*\n[^\n]*\n[^\n]*\n"
    digits = tf.strings.regex_replace(text, lines, "", replace_global=False)
    digits = tf.strings.regex_replace(digits, "[^0-9a-fA-F]", "")
    codes = tf.cast(tf.io.decode_raw(digits, tf.uint8), tf.int32)
    # The letters' codes are 97 to 102 or, as capitals, 65 to 70.
    values = tf.where(codes < 58, codes - 48, tf.bitwise.bitwise_or(codes, 32) - 87)
    pairs = tf.reshape(values[: tf.size(values) // 2 * 2], (-1, 2))
    return tf.strings.reduce_join(tf.gather(_BYTES, pairs[:, 0] * 16 + pairs[:, 1]))
