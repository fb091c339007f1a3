"""Decodes images as Pillow does, or refuses them, as TensorFlow ops for training and serving.

TensorFlow's own `decode_image` ignores the palette of a BMP, takes no transparency in a WebP,
and gives grey for PNG and JPEG alone. Only pictures that need more than it can do pay for it.
"""

from collections.abc import Callable

import tensorflow as tf

from components.exif_orientation import orientations, turned
from components.picture_parts import find
from components.subgraph import seldom_run

# What decoding raises; a text with EXIF, as a PNG may have, can be damaged by itself.
UNDECODABLE = (tf.errors.InvalidArgumentError, tf.errors.DataLossError)
_HEAD = 54  # bytes: a BMP's two headers
_NOTHING = bytes(_HEAD)
_GIF, _WEBP, _BMP, _JPEG = b"GIF8", b"RIFF", b"BM", b"\xff\xd8"
_COLOUR_PNGS = [b"IHDR" + bytes([kind]) for kind in (2, 3, 6)]  # RGB, palette, RGBA
# What TensorFlow's `decode_image` reads rightly; in colour alone; or not, in part or at all.
_USUAL, _IN_COLOUR, _OTHER = range(3)
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
    head, one = _head(encoded), tf.expand_dims(encoded, 0)
    is_jpeg = _is(head, _JPEG)
    colours = tf.cond(is_jpeg, lambda: tf.io.extract_jpeg_shape(encoded)[2], lambda: 0)
    kind = _kinds(head, is_jpeg & (colours > 3), channels)
    by_adobe = tf.cond(colours > 3, lambda: find(one).by_adobe[0], lambda: False)
    image = _decode(encoded, kind, by_adobe, channels)
    return turned(image, orientations(one, find(one))[0]) if exif_orientation else image


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
    kinds = _kinds(_head(encoded), parts.colours > 3, channels)
    unusual = kinds != _USUAL
    turns = tf.ones_like(encoded, tf.int32)
    if exif_orientation:
        turns = orientations(encoded, parts)
        unusual |= turns != 1

    def usual(one):
        return change(tf.ensure_shape(_usual(one, channels), (None, None, channels)))

    def any_image(given):
        one, kind, by_adobe, orientation = given
        return change(turned(_decode(one, kind, by_adobe, channels), orientation))

    return tf.cond(
        tf.reduce_any(unusual),
        lambda: tf.map_fn(any_image, (encoded, kinds, parts.by_adobe, turns), **arguments),
        lambda: tf.map_fn(usual, encoded, **arguments),
    )


def _kinds(heads: tf.Tensor, four_colours: tf.Tensor, channels: int) -> tf.Tensor:
    """int32 in the shape of the images' heads.

    Args:
      four_colours: bool, of which of them are JPEGs of that.
    """
    other = four_colours | _is(heads, _GIF) | _is(heads, _WEBP) | _is(heads, _BMP)
    other |= _is_jpeg_xl(heads)
    kinds = tf.where(other, _OTHER, _USUAL)
    if channels == 1:
        png = tf.strings.join([tf.strings.substr(heads, 12, 4), tf.strings.substr(heads, 25, 1)])
        in_colour = tf.reduce_any(tf.expand_dims(png, -1) == _COLOUR_PNGS, axis=-1)
        kinds = tf.where(in_colour, _IN_COLOUR, kinds)
    return kinds


def _decode(encoded: tf.Tensor, kind: tf.Tensor, by_adobe: tf.Tensor, channels: int) -> tf.Tensor:
    """(height, width, channels) of one image.

    Args:
      kind: () int32, as `_kinds` gives it.
      by_adobe: () bool, whether a JPEG of four colours has Adobe's marker.
    """
    fit = _grey if channels == 1 else tf.identity
    image = tf.switch_case(
        kind,
        {
            _USUAL: lambda: _usual(encoded, channels),
            _IN_COLOUR: lambda: fit(_usual(encoded, 3)),
            _OTHER: lambda: fit(_other(encoded, by_adobe)),
        },
    )
    return tf.ensure_shape(image, (None, None, channels))


def _usual(encoded: tf.Tensor, channels: int) -> tf.Tensor:
    return tf.io.decode_image(encoded, channels=channels, expand_animations=False)


@seldom_run(tf.TensorSpec((), tf.string), tf.TensorSpec((), tf.bool))
def _other(encoded: tf.Tensor, by_adobe: tf.Tensor) -> tf.Tensor:
    """(height, width, 3) of a GIF, WebP, BMP, or JPEG of four colours."""
    head = _head(encoded)
    readers = [
        (_is(head, _BMP), lambda: _bmp(encoded, head)),
        (_is(head, _WEBP), lambda: _webp(encoded, head)),
        (_is(head, _GIF), lambda: _gif(encoded, head)),
        (_is_jpeg_xl(head), lambda: _jpeg_xl(encoded)),
    ]
    number = tf.argmax([*(given for given, _ in readers), True], output_type=tf.int32)
    image = tf.switch_case(
        number, [*(reader for _, reader in readers), lambda: _cmyk(encoded, by_adobe)]
    )
    return tf.ensure_shape(image, (None, None, 3))


def _head(encoded: tf.Tensor) -> tf.Tensor:
    # substr refuses positions behind the end, so a short string is padded.
    return tf.strings.substr(tf.strings.join([encoded, tf.constant(_NOTHING)]), 0, _HEAD)


def _is(heads: tf.Tensor, start: bytes) -> tf.Tensor:
    return tf.strings.substr(heads, 0, len(start)) == start


def _is_jpeg_xl(heads: tf.Tensor) -> tf.Tensor:
    """Source: ISO/IEC 18181-2, the signatures of a file with and without a container."""
    return _is(heads, b"\xff\x0a") | _is(heads, b"\0\0\0\x0cJXL ")


def _jpeg_xl(encoded: tf.Tensor) -> tf.Tensor:
    """TensorFlow 2.21 reads it, and a server of an older one does not."""
    return _usual(_unless(tf.constant("a JPEG XL"), encoded), 3)


def _grey(image: tf.Tensor) -> tf.Tensor:
    weighted = tf.reduce_sum(tf.cast(image, tf.int32) * _LUMA, axis=-1, keepdims=True)
    return tf.cast(tf.bitwise.right_shift(weighted + 0x8000, 16), tf.uint8)


def _cmyk(encoded: tf.Tensor, by_adobe: tf.Tensor) -> tf.Tensor:
    """Adobe stores ink inverted, and decoders disagree about what others do."""
    reason = "a CMYK JPEG without the marker of Adobe"
    return _usual(_unless(tf.where(by_adobe, "", reason), encoded), 3)


def _gif(encoded: tf.Tensor, head: tf.Tensor) -> tf.Tensor:
    """Source: CompuServe, "Graphics Interchange Format, Version 89a", section 18."""
    frame = _usual(encoded, 3)
    *_, width, height = _words(head, 5)
    fills = tf.reduce_all(tf.shape(frame)[:2] >= (height, width))
    smaller = "a GIF whose first frame is smaller than its canvas"
    return _unless(tf.where(fills, "", smaller), frame)


def is_animated_webp(head: tf.Tensor) -> tf.Tensor:
    """Whether an image is a WebP where TensorFlow 2.21 would write behind its buffer.

    Source: Google, "WebP Container Specification": chunk VP8X and its flags.

    Args:
      head: () string, the image's first 22 bytes or more.
    """
    start = tf.strings.join([tf.strings.substr(head, 0, 4), tf.strings.substr(head, 12, 4)])
    flags = tf.bitwise.bitwise_and(_words(head, 11)[-1], 2)
    return (start == _WEBP + b"VP8X") & (flags != 0)


def _webp(encoded: tf.Tensor, head: tf.Tensor) -> tf.Tensor:
    encoded = _unless(tf.where(is_animated_webp(head), "an animated WebP", ""), encoded)
    # Not `decode_webp`: a server of an older TensorFlow would not load a graph with that op.
    return tf.io.decode_image(encoded, channels=0, expand_animations=False)[..., :3]


def _bmp(encoded: tf.Tensor, head: tf.Tensor) -> tf.Tensor:
    """Source: Microsoft, "Bitmap Storage" and BITMAPINFOHEADER, Win32 documentation."""
    words = _words(head, 17)
    end, header, kind = (words[at] + words[at + 1] * (1 << 16) for at in (5, 7, 15))
    bits, begin = words[14], 14 + header
    fields = tf.strings.substr(tf.strings.join([encoded, tf.constant(_NOTHING)]), _HEAD, 12)
    whole = (begin > 0) & (end - begin >= 4) & (end <= tf.strings.length(encoded))
    reason = ""
    for holds, otherwise in (  # The first that does not hold is the reason.
        (whole | (bits != 8), "a BMP without its palette"),
        (
            (kind == 0) | ((kind == 3) & (bits == 32) & (fields == _BITFIELDS)),
            "a BMP that is compressed or has unusual colour masks",
        ),
        ((bits == 8) | (bits == 24) | (bits == 32), "a BMP with 1, 4 or 16 bits a pixel"),
        (header >= 40, "a BMP with the header of OS/2"),
    ):
        reason = tf.where(holds, reason, otherwise)
    encoded = _unless(reason, encoded)

    def with_palette():
        text = tf.strings.substr(encoded, begin, (end - begin) // 4 * 4)
        palette = tf.reshape(tf.io.decode_raw(text, tf.uint8), (-1, 4))[:256, 2::-1]
        palette = tf.pad(palette, [[0, 256 - tf.shape(palette)[0]], [0, 0]])  # (256, 3): RGB
        return tf.gather(palette, tf.cast(tf.io.decode_bmp(encoded)[..., 0], tf.int32))

    return tf.cond(bits == 8, with_palette, lambda: _usual(encoded, 3))


def _words(head: tf.Tensor, count: int) -> list[tf.Tensor]:
    """The first `count` little-endian 16-bit numbers of a header, () int32 each."""
    numbers = tf.io.decode_raw(tf.strings.substr(head, 0, 2 * count), tf.uint16)
    return tf.unstack(tf.cast(numbers, tf.int32), count)


def _unless(reason: tf.Tensor, value: tf.Tensor) -> tf.Tensor:
    """The bytes or pixels, for what must not see them where there is a reason against it."""
    refusal = tf.strings.join(["This is ", reason, ", which is not read. Save it as a PNG."])
    check = tf.debugging.Assert(reason == "", [refusal])
    with tf.control_dependencies([check] if check is not None else []):
        return tf.identity(value)
