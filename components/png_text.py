"""Reads the texts of PNGs, plain or compressed, as TensorFlow ops.

Source: W3C, "Portable Network Graphics (PNG) Specification", 11.3.4.
"""

import zlib

import tensorflow as tf

from components.subgraph import seldom_run

# By the kind of a text, what stands before it. Of the international one that is a keyword, flag,
# method, language, and the keyword in that language.
_WORD = r"[^\x00]*\x00"
_BEFORE = rf"^(?:tEXt{_WORD}|zTXt{_WORD}\x00|iTXt{_WORD}\C\C{_WORD}{_WORD})"
_IS_COMPRESSED = rf"(?s)(?:zTXt|iTXt{_WORD}\x01)\C*"
_MOST_BYTES = 1 << 19  # of a compressed text: it may become a thousand times as long
_NOTHING = zlib.compress(b"")
_THREE_LINES = r"^[^\n]*\n[^\n]*\n[^\n]*\n"
_PAIRS = r"^((?:\C\C)*)\C?$"
_DIGITS = [
    int(chr(code), 16) if chr(code) in "0123456789abcdefABCDEF" else 0 for code in range(256)
]
_BYTES = [bytes([value]) for value in range(256)]


@seldom_run(tf.TensorSpec([None], tf.string))
def content(parts: tf.Tensor) -> tf.Tensor:
    """The texts of parts, (batch,) string from their kinds on; "" where one cannot be read.

    Of what is not a text, the part itself.

    Raises:
      tf.errors.DataLossError: a compressed text is damaged.
    """
    texts = tf.strings.regex_replace(parts, _BEFORE, "", replace_global=False)
    is_compressed = tf.strings.regex_full_match(parts, _IS_COMPRESSED)
    return tf.where(is_compressed, _decompressed(tf.where(is_compressed, texts, "")), texts)


def _decompressed(texts: tf.Tensor) -> tf.Tensor:
    """Source: RFC 1950, 2.2."""
    start = tf.io.decode_raw(texts, tf.uint16, little_endian=False, fixed_length=2)
    start = tf.cast(tf.squeeze(start, 1), tf.int32)
    is_zlib = (tf.bitwise.bitwise_and(start, 0xF00) == 0x800) & (start % 31 == 0)
    readable = is_zlib & (tf.strings.length(texts) <= _MOST_BYTES)
    return tf.io.decode_compressed(tf.where(readable, texts, _NOTHING), "ZLIB")


def from_hexadecimal(text: tf.Tensor) -> tf.Tensor:
    """The bytes that ImageMagick writes as digits behind three lines of a text, () string."""
    digits = tf.strings.regex_replace(text, _THREE_LINES, "", replace_global=False)
    digits = tf.strings.regex_replace(digits, "[^0-9a-fA-F]", "")
    digits = tf.strings.regex_replace(digits, _PAIRS, r"\1")
    codes = tf.cast(tf.io.decode_raw(digits, tf.uint8), tf.int32)
    pairs = tf.reshape(tf.gather(_DIGITS, codes), (-1, 2))
    return tf.strings.reduce_join(tf.gather(_BYTES, tf.reduce_sum(pairs * (16, 1), axis=1)))
