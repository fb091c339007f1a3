"""Turns pictures as their EXIF orientation says, as TensorFlow ops for training and serving."""

import tensorflow as tf

_JPEG, _PNG, _WEBP = 0xFF, 0x89, ord("R")  # the first byte
_APP1, _ENDS = 0xE1, (0xDA, 0xD9)  # a JPEG's markers; behind the last two no metadata follows
_EXIF = b"Exif\x00\x00"
_MOST_PARTS = 10_000  # of one file: a bound for files that are made to be slow
_MOST_ENTRIES = 64  # they stand in the order of their tags, and this tag is a low one
_TAG, _SHORT = 0x0112, 3


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


def orientations(encoded: tf.Tensor) -> tf.Tensor:
    """The EXIF orientation of JPEGs, PNGs and WebPs; 1, upright, of all others.

    A whole batch is searched at once, part by part: that takes a hundredth of its decoding.

    Args:
      encoded: (batch,) string.

    Returns:
      (batch,) int32, 1 to 8.
    """
    tiff = _find(encoded)
    return tf.cond(
        tf.reduce_any(tiff > 0),
        lambda: tf.where(tiff > 0, _read(encoded, tiff), 1),
        lambda: tf.ones_like(tiff),
    )


def _find(encoded: tf.Tensor) -> tf.Tensor:
    """(batch,) int32, where each image's EXIF begins; 0 where there is none.

    Sources: ITU-T T.81, B.1.1; W3C, "Portable Network Graphics", 5.3; Google, "WebP Container
    Specification".
    """
    end = tf.strings.length(encoded)
    kind = _bytes(encoded, tf.zeros_like(end), 1)[:, 0]

    def by_kind(jpeg, png, webp, other):
        png_or = tf.where(kind == _PNG, png, tf.where(kind == _WEBP, webp, other))
        return tf.where(kind == _JPEG, jpeg, png_or)

    def step(at, tiff):
        seen = _bytes(encoded, at, 10)
        marker = seen[:, 1]
        segment = 2 + _number(seen[:, 2:4], big_endian=True)
        chunk = _number(seen[:, 4:8], big_endian=False)
        size = by_kind(
            tf.where(marker == 0xFF, 1, segment),  # any number of these may stand before it
            12 + _number(seen[:, :4], big_endian=True),
            8 + chunk + chunk % 2,
            0,
        )
        found = by_kind(
            (marker == _APP1) & _is(seen[:, 4:], _EXIF),
            _is(seen[:, 4:8], b"eXIf"),
            _is(seen[:, :4], b"EXIF"),
            False,
        )
        ends = found | by_kind((seen[:, 0] != 0xFF) | _is_one_of(marker, _ENDS), False, False, True)
        # In a PNG or WebP, some programs repeat the mark of a JPEG.
        begin = at + by_kind(4, 8, 8, 0)
        repeated = _is(_bytes(encoded, begin, len(_EXIF)), _EXIF)
        begin += tf.where(repeated, len(_EXIF), 0)
        # A size of 2 GiB or more counts as negative.
        return tf.where(ends | (size <= 0), end, at + size), tf.where(found, begin, tiff)

    begin = by_kind(2, 8, 12, end)
    _, tiff = tf.while_loop(
        lambda at, tiff: tf.reduce_any(at < end),
        step,
        (begin, tf.zeros_like(end)),
        maximum_iterations=_MOST_PARTS,
    )
    return tiff


def _read(encoded: tf.Tensor, tiff: tf.Tensor) -> tf.Tensor:
    """(batch,) int32, 1 where it is not given. Source: CIPA DC-008, 4.5 and 4.6."""
    head = _bytes(encoded, tiff, 8)
    big_endian = _is(head[:, :4], b"MM\x00*")
    known = big_endian | _is(head[:, :4], b"II*\x00")
    directory = tiff + _number(head[:, 4:], big_endian)
    count = _number(_bytes(encoded, directory, 2), big_endian)
    entries = tf.reshape(
        _bytes(encoded, directory + 2, 12 * _MOST_ENTRIES), (-1, _MOST_ENTRIES, 12)
    )
    tag, kind, value = (_number(entries[..., at : at + 2], big_endian[:, None]) for at in (0, 2, 8))
    exists = tf.range(_MOST_ENTRIES) < count[:, None]
    is_orientation = exists & (tag == _TAG) & (kind == _SHORT)
    found = tf.reduce_max(tf.where(is_orientation, value, 1), axis=-1)
    return tf.where(known & (found <= 8), found, 1)


def _bytes(encoded: tf.Tensor, at: tf.Tensor, size: int) -> tf.Tensor:
    """(batch, size) int32: the bytes from a place in each on, and zeros behind its end."""
    at = tf.clip_by_value(at, 0, tf.strings.length(encoded))
    part = tf.strings.substr(encoded, at, tf.fill(tf.shape(at), size))
    return tf.cast(tf.io.decode_raw(part, tf.uint8, fixed_length=size), tf.int32)


def _number(values: tf.Tensor, big_endian: tf.Tensor | bool) -> tf.Tensor:
    """(…, size) bytes to (…) int32."""
    weights = [256**place for place in range(values.shape[-1])]
    little = tf.reduce_sum(values * weights, axis=-1)
    return tf.where(big_endian, tf.reduce_sum(values * weights[::-1], axis=-1), little)


def _is(values: tf.Tensor, wanted: bytes) -> tf.Tensor:
    return tf.reduce_all(values == list(wanted), axis=-1)


def _is_one_of(values: tf.Tensor, wanted: tuple[int, ...]) -> tf.Tensor:
    return tf.reduce_any(values[..., None] == list(wanted), axis=-1)
