"""Turns pictures as their EXIF orientation says, as TensorFlow ops for training and serving."""

import tensorflow as tf

from components import png_text
from components.picture_parts import Parts, text_at
from components.subgraph import seldom_run

# Before the EXIF stands JPEG's mark, which some programs repeat.
_MARKS = r"^(?:Exif\x00\x00){1,3}"
# II or MM says which byte comes first. Pillow believes the number behind it in either order.
_BEGINNING, _BIG = r"(?s)(?:II|MM)(?:\x2a\x00|\x00\x2a)\C*", r"(?s)M\C*"
_MOST_ENTRIES = 64  # they stand in the order of their tags, and this tag is a low one
_TAG = 0x0112
# Of an entry, 16-bit numbers (tag, kind, how many values in two, and them or where they are in
# two), its bytes, and where in it and behind it its value and the next entry are.
_ENTRY, _ENTRY_BYTES, _VALUE = 6, 12, 8
_FIRST = 2  # bytes before a directory's first entry: how many there are
_ENDS = [_FIRST + _ENTRY_BYTES * (number + 1) for number in range(_MOST_ENTRIES)]
_SIZES = (0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 0)  # bytes of each kind of value
# How a number is read, by its kind; of other kinds nothing is, as if it were 0.
_WHOLE, _FRACTION, _SIGNED_FRACTION, _FLOAT, _DOUBLE, _LONG8 = range(6)
_READ = {5: _FRACTION, 10: _SIGNED_FRACTION, 11: _FLOAT, 12: _DOUBLE, 16: _LONG8}
_READ |= dict.fromkeys((3, 4, 6, 8, 9, 13), _WHOLE)
# Of each kind: its bytes, those of a number that is read, and how.
_KINDS = [
    (size, size if kind in _READ else 0, _READ.get(kind, _WHOLE))
    for kind, size in enumerate(_SIZES)
]
_IN_XMP = r'(?s)^\C*?tiff:Orientation(?:="|>)([0-9])\C*$'
_KIND = (0, 4, 4)  # bytes of a PNG's text, in front of XMP and a profile, that tell its kind
_UPRIGHT, _MOST = 1, 8
_NONE = 0
_ORIENTATIONS = (_UPRIGHT, *range(1, _MOST + 1), _UPRIGHT)  # by the digit that is given

_TEXTS = tf.TensorSpec([None], tf.string)
_PLACES = tf.TensorSpec([None, 3], tf.int32)
# By orientation, from 0 on: its axes as they are stored, and the steps along them.
_AXES = [(0, 1, 2)] * 5 + [(1, 0, 2)] * 4
_STEPS = [(1, 1), (1, 1), (1, -1), (-1, -1), (-1, 1), (1, 1), (1, -1), (-1, -1), (-1, 1)]


def turned(image: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """Turns and mirrors a picture as Pillow's `ImageOps.exif_transpose` does.

    Args:
      image: (height, width, channels).
      orientation: () int, 1 to 8.

    Returns:
      (height, width, channels), or (width, height, channels) for the orientations 5 to 8.
    """
    upright = tf.transpose(image, tf.gather(_AXES, orientation))
    down, right = tf.unstack(tf.gather(_STEPS, orientation))
    return tf.ensure_shape(upright[::down, ::right], (None, None, image.shape[2]))


def as_stored(
    window: tuple[int, int, int, int], size: tuple[int, int], orientation: int
) -> tuple[int, int, int, int]:
    """Where a window of a turned picture lies in the picture as it is stored.

    Args:
      window: top, left, height and width, in pixels.
      size: the turned picture's height and width.
      orientation: 1 to 8.
    """
    top, left, height, width = window
    down, right = _STEPS[orientation]
    top = top if down > 0 else size[0] - top - height
    left = left if right > 0 else size[1] - left - width
    lies = _AXES[orientation][0] == 1
    return (left, top, width, height) if lies else (top, left, height, width)


def orientations(encoded: tf.Tensor, parts: Parts) -> tf.Tensor:
    """The orientation of JPEGs, PNGs and WebPs; 1, upright, of all others.

    It stands in their EXIF, which old programs write to a PNG as a text, or else in their XMP.

    Args:
      encoded: (batch,) string.
      parts: of these.

    Returns:
      (batch,) int32, 1 to 8.
    """
    return tf.cond(
        tf.reduce_any(parts.ends > 0),
        lambda: _in_parts(encoded, parts.begins, parts.ends),
        lambda: tf.ones_like(encoded, tf.int32),
    )


@seldom_run(_TEXTS, _PLACES, _PLACES)
def _in_parts(encoded, begins, ends):
    texts = tf.strings.substr(
        tf.expand_dims(encoded, 1), tf.maximum(begins - _KIND, 0), ends - begins + _KIND
    )
    is_there = ends > 0
    exif, xmp, profile = tf.unstack(tf.where(is_there, texts, ""), axis=1)
    has_exif, has_xmp, has_profile = tf.unstack(is_there, axis=1)
    rows = tf.where(has_profile & ~has_exif)  # (few, 1)
    profiles = png_text.content(tf.gather_nd(profile, rows))
    profiles = tf.map_fn(png_text.from_hexadecimal, profiles)
    given = _in_exif(tf.tensor_scatter_nd_update(exif, rows, profiles))
    needs_xmp = has_xmp & (given == _NONE)
    # Only where it is needed: a text can be damaged.
    xmp = png_text.content(tf.where(needs_xmp, xmp, ""))
    return tf.gather(_ORIENTATIONS, tf.where(needs_xmp, _in_xmp(xmp), given))


def _in_xmp(texts: tf.Tensor) -> tf.Tensor:
    """(batch,) int32: a digit, 0 where there is none."""
    found = tf.strings.regex_full_match(texts, _IN_XMP)
    digits = tf.where(found, tf.strings.regex_replace(texts, _IN_XMP, r"\1"), "0")
    return tf.strings.to_number(digits, tf.int32)


def _in_exif(exif: tf.Tensor) -> tf.Tensor:
    """(batch,) int32: 0 where the EXIF has none. Source: CIPA DC-008, 4.5 and 4.6."""
    # (batch, 1), as all that has no other shape beside it.
    exif = tf.strings.regex_replace(tf.expand_dims(exif, 1), _MARKS, "", replace_global=False)
    length = tf.strings.length(exif)
    is_big = tf.strings.regex_full_match(exif, _BIG)
    are_big = tf.expand_dims(is_big, 2)

    def numbers(text, kind, count):  # (batch, 1, count)
        size = count * kind.size
        read = [tf.io.decode_raw(text, kind, order, fixed_length=size) for order in (True, False)]
        return tf.where(are_big, read[1], read[0])

    _, directory = tf.unstack(numbers(exif, tf.int32, 2), axis=2)
    table = text_at(exif, directory, _FIRST + _ENTRY_BYTES * _MOST_ENTRIES)
    table = tf.cast(numbers(table, tf.uint16, 1 + _ENTRY * _MOST_ENTRIES), tf.int32)
    count, entries = tf.split(table, [1, _ENTRY * _MOST_ENTRIES], axis=2)
    entries = tf.reshape(entries, (-1, _MOST_ENTRIES, _ENTRY))
    tags, kinds, few, many, _, _ = tf.unstack(entries, axis=2)  # (batch, _MOST_ENTRIES)
    order = tf.range(_MOST_ENTRIES)
    is_here = (tags == _TAG) & (order < tf.squeeze(count, 2)) & (few + many > 0)
    is_here &= tf.gather(_SIZES, _known(kinds)) > 0
    # A distance of 2 GiB or more counts as negative.
    is_here &= (directory >= 0) & (directory + _ENDS <= length)
    last = tf.reduce_max(tf.where(is_here, order, -1), axis=1, keepdims=True)

    # The first of its values.
    entry = tf.maximum(last, 0)
    _, kind, *place = tf.unstack(tf.gather(entries, entry, batch_dims=1), axis=2)
    values, away = (
        tf.where(is_big, one * (1 << 16) + other, other * (1 << 16) + one)
        for one, other in (place[:2], place[2:])
    )
    size, number_size, reading = tf.unstack(tf.gather(_KINDS, _known(kind)), axis=2)
    is_away = (values < 0) | (values > 4 // tf.maximum(size, 1))
    fits = ~is_away | ((away >= 0) & (away + size * values <= length))
    at = tf.where(is_away, away, directory + _FIRST + _ENTRY_BYTES * entry + _VALUE)
    number_size = tf.where(fits, number_size, 0)
    text = tf.strings.substr(exif, tf.clip_by_value(at, 0, length), number_size)
    pair = numbers(text, tf.int32, 2)
    one, other = tf.unstack(tf.cast(pair, tf.float64), axis=2)
    of_fraction = tf.cast(tf.bitcast(pair, tf.uint32), tf.float64)
    # What is missing of 4 bytes counts as zeros behind: for the highest byte first, too low.
    shift = tf.where(is_big, 8 * (4 - number_size), 0)
    whole = tf.bitwise.right_shift(tf.unstack(pair, axis=2)[0], shift)
    above, below = tf.unstack(of_fraction, axis=2)
    others = [tf.squeeze(numbers(text, kind, 1), 2) for kind in (tf.float32, tf.float64, tf.int64)]
    readings = [whole, above / below, one / other, *others]
    readings = tf.concat([tf.cast(reading, tf.float64) for reading in readings], axis=1)
    value = tf.gather(readings, reading, batch_dims=1)
    is_whole = (value >= 1) & (value <= _MOST) & (value == tf.floor(value))
    found = tf.cast(tf.where(is_whole, value, _UPRIGHT), tf.int32)
    is_known = (last >= 0) & tf.strings.regex_full_match(exif, _BEGINNING)
    return tf.squeeze(tf.where(is_known, found, _NONE), 1)


def _known(kinds: tf.Tensor) -> tf.Tensor:
    return tf.minimum(kinds, len(_SIZES) - 1)
