"""Finds the parts of JPEGs, PNGs and WebPs that tell how to read the picture, as TensorFlow ops.

Sources: ITU-T T.81, B.1.1; Adobe, "XMP Specification Part 3"; W3C, "Portable Network Graphics",
5.3; Google, "WebP Container Specification". Where they leave it open, Pillow's choice counts.
"""

from typing import NamedTuple

import tensorflow as tf

_EXIF = b"Exif\x00\x00"
_KEYWORDS = (b"XML:com.adobe.xmp\x00", b"Raw profile type exif\x00")  # of a PNG's texts
_XMP_OF_JPEG = b"http://ns.adobe.com/xap/1.0/\x00"
_SEEN = 33  # bytes at the beginning of a part of a file that tell its size and kind
_ANY, _NONE = -1, -2
_ANY_SIZE = -(1 << 31)  # One of 2 GiB or more counts as negative.
# What a JPEG's markers are. Some parts have no length, and behind the ends are none of these;
# between two, lost or fill bytes may stand. Where parts begin, other files have no marker.
_PART, _FRAME, _END = range(3)
_NO_MARKER = 256
_LENGTHS = dict.fromkeys((1, *range(208, 217)), 2) | {0x00: 1, 0xFF: 1}
_SORTS = dict.fromkeys({*range(192, 208)} - {196, 200, 204}, _FRAME)
_SORTS |= {0xDA: _END, 0xD9: _END}
_MARKERS = [(_LENGTHS.get(one, 0), _SORTS.get(one, _PART)) for one in range(_NO_MARKER + 1)]
_APP1, _APP14 = 0xE1, 0xEE
_JPEG, _PNG, _WEBP, _OTHER = range(4)
_BY_FIRST_BYTE = [{0xFF: _JPEG, 0x89: _PNG, ord("R"): _WEBP}.get(one, _OTHER) for one in range(256)]
# Of these: where the first part begins, what a part has besides the size it tells, what of it
# stands before and behind its content, what it is filled up to a multiple of, the byte before a
# marker, and the marker of bytes without one.
_LAYOUTS = [
    (2, 2, 4, 0, 1, 0xFF, 0x00),
    (8, 12, 8, 4, 1, _NONE, _NO_MARKER),
    (12, 8, 8, 0, 2, _NONE, _NO_MARKER),
    (1 << 30, 0, 0, 0, 1, _NONE, _NO_MARKER),
]
# The weights of the bytes that tell a part's size.
_WEIGHTS = [
    [*weights, *[0] * (_SEEN - len(weights))]
    for weights in (
        [0, 0, 256, 1],
        [1 << 24, 1 << 16, 256, 1],
        [0] * 4 + [1, 256, 1 << 16, 1 << 24],
        [],
    )
]
# How the parts begin that are looked for: EXIF, XMP, EXIF as a text, Adobe's marker, and a
# PNG's end.
_MARKS = [
    [[*mark, *[_ANY] * (_SEEN - len(mark))] for mark in marks]
    for marks in (
        (
            [0xFF, _APP1, _ANY, _ANY, *_EXIF],
            [0xFF, _APP1, _ANY, _ANY, *_XMP_OF_JPEG],
            [_NONE],
            [0xFF, _APP14, _ANY, _ANY, *b"Adobe"],
            [_NONE],
        ),
        (
            [_ANY] * 4 + [*b"eXIf"],
            [_ANY] * 6 + [*b"Xt", *_KEYWORDS[0]],
            [_ANY] * 6 + [*b"Xt", *_KEYWORDS[1]],
            [_NONE],
            [_ANY] * 4 + [*b"IEND"],
        ),
        ([*b"EXIF"], [*b"XMP "], [_NONE], [_NONE], [_NONE]),
        ([_NONE],) * 5,
    )
]
_SIZES = (3, 1, 1)  # the three that tell the orientation, and the last two
_LEAST = (_ANY_SIZE, _ANY_SIZE, _ANY_SIZE, 16, _ANY_SIZE)  # bytes: libjpeg ignores less of Adobe's
# Pillow takes the last of a PNG's parts and a JPEG's last XMP, and else the first.
_TAKES_LAST = [(one == _PNG, one in (_JPEG, _PNG), *[one == _PNG] * 3) for one in range(4)]
_EXTENDED, _FLAGS = 15, 20  # bytes of a WebP: an X in VP8X, and which parts it has
_FLAG_OF = (8, 4, 0, 0, 0)
_MOST_PARTS = 10_000  # of one file: a bound for files that are made to be slow


class Parts(NamedTuple):
    """Where the parts of each file of a batch lie, and what a JPEG says of its colours.

    EXIF; XMP, in a PNG a text behind its keyword; and EXIF as ImageMagick writes it to a PNG,
    such a text too. From 0 to 0 where there is none.
    """

    begins: tf.Tensor  # (batch, 3) int32
    ends: tf.Tensor  # (batch, 3) int32
    colours: tf.Tensor  # (batch,) int32: of a pixel of a JPEG; 0 for other files
    by_adobe: tf.Tensor  # (batch,) bool: whether a JPEG has Adobe's marker


def may_tell(jpeg: bytes) -> bool:
    """Whether a JPEG may have EXIF or XMP: a look at usual files that is quicker than `find`."""
    at = 2
    while jpeg[at : at + 1] == b"\xff":
        marker = jpeg[at + 1] if at + 1 < len(jpeg) else _NO_MARKER
        length, sort = _MARKERS[marker]
        if sort == _END:
            return False
        if marker == _APP1 or length:
            break
        at += 2 + int.from_bytes(jpeg[at + 2 : at + 4])
    return True


# Eager steps are slow, and a second trace is.
@tf.function(input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
def find(encoded: tf.Tensor) -> Parts:
    """Searches a whole batch at once, part by part.

    That takes 3% of the time of decoding 64 photographs of 100 kB.

    Args:
      encoded: (batch,) string.
    """
    encoded = encoded[:, None]
    end = tf.strings.length(encoded)  # (batch, 1), as all that has no other shape beside it
    first = tf.io.decode_raw(encoded, tf.uint8, fixed_length=_FLAGS + 1)
    first = tf.unstack(tf.cast(first, tf.int32), axis=2)
    kind = tf.gather(_BY_FIRST_BYTE, first[0])
    begin, beside, head, tail, multiple, mark, unmarked = tf.unstack(
        tf.gather(_LAYOUTS, kind), axis=2
    )
    weights = tf.gather(_WEIGHTS, kind)  # (batch, 1, _SEEN)
    marks, takes_last = (tf.gather(table, kind[:, 0]) for table in (_MARKS, _TAKES_LAST))
    is_any = marks == _ANY  # (batch, parts, _SEEN)
    flags = tf.where(first[_EXTENDED] == ord("X"), first[_FLAGS], 0)
    allowed = (kind != _WEBP) | (tf.bitwise.bitwise_and(flags, _FLAG_OF) > 0)  # (batch, parts)
    much = tf.ones_like(end) * _SEEN

    def step(at, begins, ends, colours):
        text = tf.strings.substr(encoded, at, much)
        seen = tf.cast(tf.io.decode_raw(text, tf.uint8, fixed_length=_SEEN), tf.int32)
        values = tf.unstack(seen, axis=2)
        marker = tf.where(values[0] == mark, values[1], unmarked)
        length, sort = tf.unstack(tf.gather(_MARKERS, marker), axis=2)
        told = beside + tf.reduce_sum(seen * weights, axis=2)
        size = tf.where(length > 0, length, told + told % multiple)
        found = tf.reduce_all((seen == marks) | is_any, axis=2)  # (batch, parts)
        is_last = (sort == _END) | found[:, -1:]
        found &= allowed & (size >= _LEAST) & (takes_last | (begins == 0))
        behind = at + size
        return (
            tf.where(is_last | (behind <= at), end, tf.minimum(behind, end)),
            tf.where(found, at + head, begins),
            tf.where(found, tf.minimum(behind - tail, end), ends),
            tf.where(sort == _FRAME, values[9], colours),
        )

    nothing = tf.zeros_like(takes_last, tf.int32)
    _, begins, ends, colours = tf.while_loop(
        lambda at, *_: tf.reduce_any(at < end),
        step,
        (tf.minimum(begin, end), nothing, nothing, tf.zeros_like(end)),
        maximum_iterations=_MOST_PARTS,
    )
    begins, adobe, _ = tf.split(tf.minimum(begins, ends), _SIZES, axis=1)
    ends, _, _ = tf.split(ends, _SIZES, axis=1)
    return Parts(begins, ends, colours[:, 0], adobe[:, 0] > 0)


def text_at(encoded: tf.Tensor, at: tf.Tensor, size: int) -> tf.Tensor:
    """(batch,) string: up to `size` bytes from a place in each on."""
    at = tf.clip_by_value(at, 0, tf.strings.length(encoded))
    return tf.strings.substr(encoded, at, tf.fill(tf.shape(at), size))
