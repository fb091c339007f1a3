"""Turns pictures as their EXIF orientation says, as TensorFlow ops for training and serving."""

import tensorflow as tf

from components import png_text
from components.picture_parts import EXIF, Parts, bytes_at, text_at
from components.subgraph import seldom_run

_ENTRY = 6  # numbers of 16 bits: tag, kind, how many values (2), and them or where they are (2)
_MOST_ENTRIES = 64  # they stand in the order of their tags, and this tag is a low one
_TAG = 0x0112
_SIZES = (0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8)  # bytes of each kind of value
_WHOLE = (3, 4, 6, 8, 9, 13)  # kinds of whole numbers of up to 4 bytes
_RATIONAL, _SIGNED_RATIONAL, _FLOAT, _DOUBLE, _LONG8 = 5, 10, 11, 12, 16
_NUMBERS = (*_WHOLE, _RATIONAL, _SIGNED_RATIONAL, _FLOAT, _DOUBLE, _LONG8)
_UPRIGHT, _MOST = 1, 8
# II or MM says which byte comes first. Pillow believes the number behind it in either order.
_ORDERS, _VERSIONS = (0x4949, 0x4D4D), (42, 42 << 8)
_REPEATS = 3  # of JPEG's mark before the EXIF: some programs write it again
_IN_XMP = r'(?s)^\C*?tiff:Orientation(?:="|>)([0-9])\C*$'

_TEXT, _TEXTS = tf.TensorSpec([], tf.string), tf.TensorSpec([None], tf.string)
_NUMBERS_OF_EACH = tf.TensorSpec([None], tf.int32)
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


def orientations(encoded: tf.Tensor, parts: Parts) -> tf.Tensor:
    """The orientation of JPEGs, PNGs and WebPs; 1, upright, of all others.

    It stands in their EXIF, which old programs write to a PNG as a text, or else in their XMP.

    Args:
      encoded: (batch,) string.
      parts: of these.

    Returns:
      (batch,) int32, 1 to 8.
    """
    exif, profile, xmp = ((place.end > 0) for place in (parts.exif, parts.profile, parts.xmp))
    given = tf.cond(
        tf.reduce_any(exif),
        lambda: tf.where(exif, _in_exif(encoded, *parts.exif), 0),
        lambda: tf.zeros_like(exif, tf.int32),
    )
    in_text = (profile & ~exif) | (xmp & (given == 0))
    given = tf.cond(
        tf.reduce_any(in_text),
        lambda: _in_texts(encoded, *parts.profile, *parts.xmp, profile & ~exif, in_text, given),
        lambda: given,
    )
    return tf.where((given > _UPRIGHT) & (given <= _MOST), given, _UPRIGHT)


@seldom_run(
    _TEXTS, *[_NUMBERS_OF_EACH] * 4, *[tf.TensorSpec([None], tf.bool)] * 2, _NUMBERS_OF_EACH
)
def _in_texts(encoded, profile_begin, profile_end, xmp_begin, xmp_end, profile, in_text, given):
    def one(values):
        encoded, profile_place, xmp_place, profile, in_text, given = values
        given = tf.cond(
            profile, lambda: _in_profile(_content(encoded, profile_place)), lambda: given
        )
        return tf.cond(
            in_text & (given == 0),
            lambda: _in_xmp(_content(encoded, xmp_place)),
            lambda: given,
        )

    places = (profile_begin, profile_end), (xmp_begin, xmp_end)
    values = (encoded, *places, profile, in_text, given)
    return tf.map_fn(one, values, fn_output_signature=tf.TensorSpec((), tf.int32))


def _content(encoded: tf.Tensor, place: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
    begin, end = place
    # With the kind of a PNG's text, which stands before it.
    return tf.strings.substr(encoded, tf.maximum(begin - 4, 0), end - begin + 4)


@seldom_run(_TEXT)
def _in_profile(text: tf.Tensor) -> tf.Tensor:
    exif = tf.expand_dims(png_text.from_hexadecimal(png_text.content(text)), 0)
    return _in_exif(exif, tf.constant([0]), tf.strings.length(exif))[0]


@seldom_run(_TEXT)
def _in_xmp(text: tf.Tensor) -> tf.Tensor:
    """() int32 of a JPEG's, WebP's or PNG's part; 0 where it says nothing."""
    text = png_text.content(text)
    found = tf.strings.regex_full_match(text, _IN_XMP)
    number = tf.where(found, tf.strings.regex_replace(text, _IN_XMP, r"\1"), "0")
    return tf.strings.to_number(number, tf.int32)


@seldom_run(_TEXTS, _NUMBERS_OF_EACH, _NUMBERS_OF_EACH)
def _in_exif(encoded: tf.Tensor, tiff: tf.Tensor, end: tf.Tensor) -> tf.Tensor:
    """(batch,) int32: 0 where the EXIF has none. Source: CIPA DC-008, 4.5 and 4.6."""
    for _ in range(_REPEATS):
        tiff += tf.where(text_at(encoded, tiff, len(EXIF)) == EXIF, len(EXIF), 0)
    is_big = text_at(encoded, tiff, 1) == b"M"
    weights = tf.where(is_big[:, None, None], (256, 1), (1, 256))  # (batch, 1, 2)

    def shorts(at, count):  # (batch, count)
        pairs = tf.reshape(bytes_at(encoded, at, 2 * count), (-1, count, 2))
        return tf.reduce_sum(pairs * weights, axis=-1)

    def long(one, other):
        return tf.where(is_big, one * (1 << 16) + other, other * (1 << 16) + one)

    order, version, *place = tf.unstack(shorts(tiff, 4), axis=1)
    directory = tiff + long(*place)
    table = shorts(directory, 1 + _ENTRY * _MOST_ENTRIES)
    entries = tf.reshape(table[:, 1:], (-1, _MOST_ENTRIES, _ENTRY))
    tags, kinds, *counts, _, _ = tf.unstack(entries, axis=2)
    numbers = tf.range(_MOST_ENTRIES)
    is_here = (numbers < table[:, :1]) & (tags == _TAG)
    is_here &= directory[:, None] + 2 + 12 * (numbers + 1) <= end[:, None]
    is_here &= (directory >= tiff)[:, None]  # A distance of 2 GiB or more counts as negative.
    is_here &= (_size(kinds) > 0) & (tf.add_n(counts) > 0)
    last = tf.reduce_max(tf.where(is_here, numbers + 1, 0), axis=-1)
    entry = tf.gather(entries, tf.maximum(last - 1, 0), batch_dims=1)
    _, kind, *count, one, other = tf.unstack(entry, axis=1)

    # The first of its values.
    size, values, away = _size(kind), long(*count), tiff + long(one, other)
    is_away = (values < 0) | (values > 4 // tf.maximum(size, 1))
    one, other, *more = tf.unstack(
        tf.where(is_away[:, None], shorts(away, 4), tf.stack([one, other, one, other], 1)), axis=1
    )
    first, second = long(one, other), long(*more)
    value = tf.where(size == 2, one, first)
    value = tf.where(size == 1, tf.where(is_big, one // 256, one % 256), value)
    value = _as_whole(kind, value, first, second, is_big)
    is_number = tf.reduce_any(kind[:, None] == _NUMBERS, axis=-1)
    is_number &= ~is_away | ((away >= tiff) & (away + size * values <= end))
    found = tf.where(is_number & (value > 0) & (value <= _MOST), value, _UPRIGHT)

    known = tf.reduce_any(order[:, None] == _ORDERS, axis=-1)
    known &= tf.reduce_any(version[:, None] == _VERSIONS, axis=-1)
    return tf.where((last > 0) & known, found, 0)


def _as_whole(kind, value, first, second, is_big) -> tf.Tensor:
    """(batch,) int32: the value of an unusual kind too, as Pillow reads it; 0 if not whole.

    Args:
      value: what it is if its kind is a usual one.
      first, second: the numbers of 32 bits at its place.
    """
    low = tf.where(is_big, second, first)
    high = tf.where(is_big, first, second)
    double = tf.bitcast(tf.stack([low, high], axis=-1), tf.float64)
    single = tf.cast(tf.bitcast(first, tf.float32), tf.float64)
    parts = tf.cast(tf.stack([first, second]), tf.float64)
    parts += tf.where((parts < 0) & (kind == _RATIONAL), tf.constant(2.0**32, tf.float64), 0)
    is_fraction = (kind == _RATIONAL) | (kind == _SIGNED_RATIONAL)
    real = tf.where(kind == _FLOAT, single, tf.where(kind == _DOUBLE, double, 0))
    real = tf.where(is_fraction, parts[0] / parts[1], real)
    is_whole = (real >= 1) & (real <= _MOST) & (real == tf.floor(real))
    value = tf.where(is_whole, tf.cast(tf.where(is_whole, real, 0), tf.int32), value)
    value = tf.where(kind == _LONG8, tf.where(high == 0, low, 0), value)
    is_plain = tf.reduce_any(kind[:, None] == (*_WHOLE, _LONG8), axis=-1)
    return tf.where(is_plain | is_whole, value, 0)


def _size(kinds: tf.Tensor) -> tf.Tensor:
    return tf.gather(_SIZES, tf.where(kinds < len(_SIZES), kinds, 0))
