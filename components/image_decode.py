"""Decodes images as Pillow does, or refuses them, as TensorFlow ops for training and serving.

TensorFlow's own `decode_image` ignores the palette of a BMP, takes no transparency in a WebP,
and gives grey for PNG and JPEG alone. Only pictures that need more than it can do pay for it.
"""

import re
from collections.abc import Callable

import tensorflow as tf

from components.exif_orientation import orientations, turned
from components.picture_parts import find

# How a picture that is not read is refused, in the message of the error.
REFUSAL = re.compile(r"This is an? [^\[\]]*? Save it as a PNG")
# What decoding raises; a text with EXIF, as a PNG may have, can be damaged by itself.
UNDECODABLE = (tf.errors.InvalidArgumentError, tf.errors.DataLossError)
_HEAD = 54  # bytes: a BMP's two headers
_NOTHING = bytes(_HEAD)
_GIF, _WEBP, _BMP, _JPEG = b"GIF8", b"RIFF", b"BM", b"\xff\xd8"
_PNG_HEADER = b"IHDR"
_PNG_COLOURS = [_PNG_HEADER + bytes([kind]) for kind in (2, 3, 6)]  # RGB, palette, RGBA
# ITU-R BT.601 luma in 1/65536, rounded, as Pillow's `convert("L")` has it.
_LUMA = (19595, 38470, 7471)
_BITFIELDS = b"\x00\x00\xff\x00\x00\xff\x00\x00\xff\x00\x00\x00"  # red, green, blue


def decode_image(encoded: tf.Tensor, channels: int, exif_orientation: bool) -> tf.Tensor:
    """Decodes a JPEG, PNG, GIF, BMP or WebP image.

    Of an animated GIF the first frame is decoded. Transparency is dropped, 16-bit values become
    8-bit ones, and colour becomes grey by its luma, or grey colour, as `channels` says.

    Args:
      encoded: () string.
      channels: 1 or 3.
      exif_orientation: whether to turn the picture as its EXIF orientation says.

    Returns:
      (height, width, channels) uint8: Pillow's pixels, up to 1 more or less; of a JPEG or a
      lossy WebP up to the rounding of another decoder.

    Raises:
      tf.errors.InvalidArgumentError: the bytes are not a whole image, or a BMP is compressed,
        has 1, 4 or 16 bits a pixel, or unusual headers; a WebP is animated; or a GIF's first
        frame is smaller than its canvas; or a JPEG has four colours and does not say which.
    """
    image = _decode(encoded, channels)
    if not exif_orientation:
        return image
    one = tf.expand_dims(encoded, 0)
    orientation = orientations(one, find(one))[0]
    return tf.cond(orientation == 1, lambda: image, lambda: turned(image, orientation))


def map_images(
    change: Callable, encoded: tf.Tensor, channels: int, exif_orientation: bool, **arguments
):
    """`tf.map_fn` of the decoded images of a batch.

    A batch without an unusual image, as nearly all are, pays for one condition and not for
    one an image, which takes longer than decoding a small one.

    Args:
      change: (height, width, channels) uint8 -> what `map_fn` stacks.
      encoded: (batch,) string.
      channels, exif_orientation: as `decode_image`'s.
    """
    parts = find(encoded)
    unusual = is_unusual(encoded, channels) | (parts.colours > 3)
    turns = tf.ones_like(encoded, tf.int32)
    if exif_orientation:
        turns = orientations(encoded, parts)
        unusual |= turns != 1

    def usual(one):
        return change(tf.ensure_shape(_usual(one, channels), (None, None, channels)))

    def any_image(both):
        one, orientation = both
        return change(turned(_decode(one, channels), orientation))

    return tf.cond(
        tf.reduce_any(unusual),
        lambda: tf.map_fn(any_image, (encoded, turns), **arguments),
        lambda: tf.map_fn(usual, encoded, **arguments),
    )


def _decode(encoded: tf.Tensor, channels: int) -> tf.Tensor:
    image = tf.cond(
        is_unusual(encoded, channels) | _is_jpeg(encoded),
        lambda: _unusual(encoded, channels),
        lambda: _usual(encoded, channels),
    )
    return tf.ensure_shape(image, (None, None, channels))


def is_unusual(encoded: tf.Tensor, channels: int) -> tf.Tensor:
    """Whether TensorFlow's `decode_image` may decode an image wrongly; of each, bool.

    A JPEG with four colours is not among them: only a search tells it.
    """
    head = _head(encoded)
    start = tf.strings.substr(head, 0, 4)
    unusual = _is_bmp(head) | (start == _WEBP) | (start == _GIF)
    if channels == 1:
        png = tf.strings.join([tf.strings.substr(head, 12, 4), tf.strings.substr(head, 25, 1)])
        unusual |= _is_jpeg(head)
        for colours in _PNG_COLOURS:
            unusual |= png == colours
    return unusual


def _usual(encoded: tf.Tensor, channels: int) -> tf.Tensor:
    return tf.io.decode_image(encoded, channels=channels, expand_animations=False)


def _unusual(encoded: tf.Tensor, channels: int) -> tf.Tensor:
    head = _head(encoded)
    start = tf.strings.substr(head, 0, 4)
    has_four_colours = tf.cond(
        _is_jpeg(head),
        lambda: tf.io.extract_jpeg_shape(encoded)[2] == 4,
        lambda: tf.constant(False),
    )

    def in_colour():
        return tf.case(
            [
                (_is_bmp(head), lambda: _bmp(encoded, head)),
                (start == _WEBP, lambda: _webp(encoded, head)),
                (start == _GIF, lambda: _gif(encoded, head)),
                (has_four_colours, lambda: _cmyk(encoded)),
            ],
            default=lambda: _usual(encoded, 3),
        )

    if channels == 3:
        return in_colour()
    # libjpeg gives the luma of a JPEG itself, but not of one with four colours.
    luma_inside = _is_jpeg(head) & ~has_four_colours
    return tf.cond(luma_inside, lambda: _usual(encoded, 1), lambda: _grey(in_colour()))


def _head(encoded: tf.Tensor) -> tf.Tensor:
    # substr refuses positions behind the end, so a short string is padded.
    return tf.strings.substr(tf.strings.join([encoded, tf.constant(_NOTHING)]), 0, _HEAD)


def _is_bmp(head: tf.Tensor) -> tf.Tensor:
    return tf.strings.substr(head, 0, 2) == _BMP


def _is_jpeg(head: tf.Tensor) -> tf.Tensor:
    return tf.strings.substr(head, 0, 2) == _JPEG


def _grey(image: tf.Tensor) -> tf.Tensor:
    weighted = tf.reduce_sum(tf.cast(image, tf.int32) * _LUMA, axis=-1, keepdims=True)
    return tf.cast(tf.bitwise.right_shift(weighted + 0x8000, 16), tf.uint8)


def _cmyk(encoded: tf.Tensor) -> tf.Tensor:
    """Adobe stores ink inverted, and decoders disagree about what others do."""
    marked = find(tf.expand_dims(encoded, 0)).by_adobe[0]
    return _usual(_only_if(marked, encoded, "a CMYK JPEG without the marker of Adobe"), 3)


def _gif(encoded: tf.Tensor, head: tf.Tensor) -> tf.Tensor:
    """Source: CompuServe, "Graphics Interchange Format, Version 89a", section 18."""
    frame = _usual(encoded, 3)
    canvas = (_number(head, 8, 2), _number(head, 6, 2))
    fills = tf.reduce_all(tf.shape(frame)[:2] >= canvas)
    return _only_if(fills, frame, "a GIF whose first frame is smaller than its canvas")


def is_animated_webp(head: tf.Tensor) -> tf.Tensor:
    """Whether an image is a WebP where TensorFlow 2.21 would write behind its buffer.

    Source: Google, "WebP Container Specification": chunk VP8X and its flags.

    Args:
      head: () string, the image's first 22 bytes or more.
    """
    start = tf.strings.join([tf.strings.substr(head, 0, 4), tf.strings.substr(head, 12, 4)])
    flags = tf.bitwise.bitwise_and(_number(head, 20, 2), 2)
    return (start == _WEBP + b"VP8X") & (flags != 0)


def _webp(encoded: tf.Tensor, head: tf.Tensor) -> tf.Tensor:
    encoded = _only_if(~is_animated_webp(head), encoded, "an animated WebP")
    # Not `decode_webp`: a server of an older TensorFlow would not load a graph with that op.
    return tf.io.decode_image(encoded, channels=0, expand_animations=False)[..., :3]


def _bmp(encoded: tf.Tensor, head: tf.Tensor) -> tf.Tensor:
    """Source: Microsoft, "Bitmap Storage" and BITMAPINFOHEADER, Win32 documentation."""
    bits, kind = _number(head, 28, 2), _number(head, 30, 4)
    header = _number(head, 14, 4)
    encoded = _only_if(header >= 40, encoded, "a BMP with the header of OS/2")
    depth = (bits == 8) | (bits == 24) | (bits == 32)
    encoded = _only_if(depth, encoded, "a BMP with 1, 4 or 16 bits a pixel")
    fields = tf.strings.substr(tf.strings.join([encoded, tf.constant(_NOTHING)]), _HEAD, 12)
    usual = (kind == 0) | ((kind == 3) & (bits == 32) & (fields == _BITFIELDS))
    encoded = _only_if(usual, encoded, "a BMP that is compressed or has unusual colour masks")
    return tf.cond(
        bits == 8, lambda: _bmp_palette(encoded, head, header), lambda: _usual(encoded, 3)
    )


def _bmp_palette(encoded: tf.Tensor, head: tf.Tensor, header: tf.Tensor) -> tf.Tensor:
    begin, end = 14 + header, _number(head, 10, 4)
    whole = (begin > 0) & (end - begin >= 4) & (end <= tf.strings.length(encoded))
    encoded = _only_if(whole, encoded, "a BMP without its palette")
    entries = tf.io.decode_raw(tf.strings.substr(encoded, begin, (end - begin) // 4 * 4), tf.uint8)
    palette = tf.reshape(entries, (-1, 4))[:256, 2::-1]  # (colours, 3): red, green, blue
    palette = tf.pad(palette, [[0, 256 - tf.shape(palette)[0]], [0, 0]])
    places = tf.io.decode_bmp(encoded)[..., 0]
    return tf.gather(palette, tf.cast(places, tf.int32))


def _number(text: tf.Tensor, position: int, size: int) -> tf.Tensor:
    """() int32 of little-endian bytes of a header; a larger number counts as negative."""
    kind = {2: tf.uint16, 4: tf.int32}[size]
    return tf.cast(tf.io.decode_raw(tf.strings.substr(text, position, size), kind)[0], tf.int32)


def _only_if(holds: tf.Tensor, value: tf.Tensor, otherwise: str) -> tf.Tensor:
    """The bytes or pixels, for what must not see them where the condition does not hold."""
    check = tf.debugging.Assert(
        holds, [f"This is {otherwise}, which is not read. Save it as a PNG."]
    )
    with tf.control_dependencies([check] if check is not None else []):
        return tf.identity(value)
