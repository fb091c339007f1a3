"""Turns pictures as their EXIF orientation says, as TensorFlow ops for training and serving."""

import tensorflow as tf

from components import png_text
from components.picture_parts import EXIF, Parts, Place, bytes_at

_MOST_ENTRIES = 64  # they stand in the order of their tags, and this tag is a low one
_TAG = 0x0112
_SIZES = (0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8)  # bytes of each kind of value
_NUMBERS = (3, 4, 6, 8, 9, 13)  # kinds of whole numbers of up to 4 bytes
_UPRIGHT, _MOST = 1, 8
# Pillow believes these beginnings of EXIF too, though the second two are wrong.
_BIG, _LITTLE = (b"MM\x00*", b"MM*\x00"), (b"II*\x00", b"II\x00*")
_REPEATS = 3  # of JPEG's mark before the EXIF: some programs write it again
_IN_XMP = r'(?s)^\C*?tiff:Orientation(?:="|>)([0-9])\C*$'


def turned(image: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """Turns and mirrors a picture as Pillow's `ImageOps.exif_transpose` does.

    Args:
      image: (height, width, channels).
      orientation: () int, 1 to 8.

    Returns:
      (height, width, channels), or (width, height, channels) for the orientations 5 to 8.
    """

    def sign(*reversing):
        return tf.where(tf.reduce_any(orientation == reversing), -1, 1)

    lying = tf.cond(orientation > 4, lambda: tf.transpose(image, (1, 0, 2)), lambda: image)
    upright = lying[:: sign(3, 4, 7, 8), :: sign(2, 3, 6, 7)]
    return tf.ensure_shape(upright, (None, None, image.shape[2]))


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
        lambda: tf.where(exif, _in_exif(encoded, parts.exif), 0),
        lambda: tf.zeros_like(exif, tf.int32),
    )
    in_text = (profile & ~exif) | (xmp & (given == 0))
    given = tf.cond(
        tf.reduce_any(in_text),
        lambda: _in_texts(encoded, parts, profile & ~exif, in_text, given),
        lambda: given,
    )
    return tf.where((given > _UPRIGHT) & (given <= _MOST), given, _UPRIGHT)


def _in_texts(encoded, parts, profile, in_text, given) -> tf.Tensor:
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

    values = (encoded, tuple(parts.profile), tuple(parts.xmp), profile, in_text, given)
    return tf.map_fn(one, values, fn_output_signature=tf.TensorSpec((), tf.int32))


def _content(encoded: tf.Tensor, place: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
    begin, end = place
    # With the kind of a PNG's text, which stands before it.
    return tf.strings.substr(encoded, tf.maximum(begin - 4, 0), end - begin + 4)


def _in_profile(text: tf.Tensor) -> tf.Tensor:
    exif = tf.expand_dims(png_text.from_hexadecimal(png_text.content(text)), 0)
    return _in_exif(exif, Place(tf.constant([0]), tf.strings.length(exif)))[0]


def _in_xmp(text: tf.Tensor) -> tf.Tensor:
    """() int32 of a JPEG's, WebP's or PNG's part; 0 where it says nothing."""
    text = tf.cond(png_text.is_text(text), lambda: png_text.content(text), lambda: text)
    return tf.cond(
        tf.strings.regex_full_match(text, _IN_XMP),
        lambda: tf.strings.to_number(tf.strings.regex_replace(text, _IN_XMP, r"\1"), tf.int32),
        lambda: tf.constant(0),
    )


def _in_exif(encoded: tf.Tensor, place: Place) -> tf.Tensor:
    """(batch,) int32: 0 where the EXIF has none. Source: CIPA DC-008, 4.5 and 4.6."""
    tiff, end = place
    for _ in range(_REPEATS):
        marked = _is(bytes_at(encoded, tiff, len(EXIF)), EXIF)
        tiff += tf.where(marked, len(EXIF), 0)
    head = bytes_at(encoded, tiff, 8)
    big_endian, little_endian = (
        _is(head[:, :4], first) | _is(head[:, :4], second) for first, second in (_BIG, _LITTLE)
    )
    directory = tiff + _number(head[:, 4:], big_endian)
    count = _number(bytes_at(encoded, directory, 2), big_endian)
    entries = bytes_at(encoded, directory + 2, 12 * _MOST_ENTRIES)
    entries = tf.reshape(entries, (-1, _MOST_ENTRIES, 12))
    numbers = tf.range(_MOST_ENTRIES)
    is_whole = directory[:, None] + 2 + 12 * (numbers + 1) <= end[:, None]
    is_whole &= (directory >= tiff)[:, None]  # A distance of 2 GiB or more counts as negative.
    tag, kind = (_number(entries[..., at : at + 2], big_endian[:, None]) for at in (0, 2))
    values = _number(entries[..., 4:8], big_endian[:, None])
    is_here = (numbers < count[:, None]) & is_whole & (tag == _TAG)
    is_here &= (_size(kind) > 0) & (values != 0)
    last = tf.reduce_max(tf.where(is_here, numbers + 1, 0), axis=-1)
    entry = tf.gather(entries, tf.maximum(last - 1, 0), batch_dims=1)
    found = _value(encoded, tiff, end, entry, big_endian)
    return tf.where((last > 0) & (big_endian | little_endian), found, 0)


def _size(kind: tf.Tensor) -> tf.Tensor:
    return tf.gather(_SIZES, tf.where(kind < len(_SIZES), kind, 0))


def _value(encoded, tiff, end, entry, big_endian) -> tf.Tensor:
    """(batch,) int32, the first number of each entry: upright if it is no orientation."""
    kind = _number(entry[:, 2:4], big_endian)
    size = _size(kind)
    values = _number(entry[:, 4:8], big_endian)
    away = tiff + _number(entry[:, 8:], big_endian)
    is_away = (values < 0) | (values > 4 // tf.maximum(size, 1))
    content = tf.where(is_away[:, None], bytes_at(encoded, away, 4), entry[:, 8:])
    short, long = _number(content[:, :2], big_endian), _number(content, big_endian)
    value = tf.where(size == 1, content[:, 0], tf.where(size == 2, short, long))
    is_number = tf.reduce_any(kind[:, None] == _NUMBERS, axis=-1)
    is_number &= ~is_away | ((away >= tiff) & (away + size * values <= end))
    return tf.where(is_number & (value > 0) & (value <= _MOST), value, _UPRIGHT)


def _number(values: tf.Tensor, big_endian: tf.Tensor | bool) -> tf.Tensor:
    """(…, size) bytes to (…) int32."""
    weights = [256**place for place in range(values.shape[-1])]
    little = tf.reduce_sum(values * weights, axis=-1)
    return tf.where(big_endian, tf.reduce_sum(values * weights[::-1], axis=-1), little)


def _is(values: tf.Tensor, wanted: bytes) -> tf.Tensor:
    return tf.reduce_all(values == list(wanted), axis=-1)
