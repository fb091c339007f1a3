"""Decodes images as Pillow does, or refuses them, as TensorFlow ops for training and serving.

TensorFlow's own `decode_image` ignores the palette of a BMP, takes no transparency in a WebP,
and gives grey for PNG and JPEG alone. Only pictures that need more than it can do pay for it.
"""

from collections.abc import Callable

import tensorflow as tf

from components.exif_orientation import orientations, turned
from components.picture_parts import find
from components.subgraph import seldom_run

# What decoding raises. A text with EXIF, as a PNG may have, can be damaged by itself. The first
# image of a batch that fails cancels the others, which may report that before it does.
UNDECODABLE = (
    tf.errors.InvalidArgumentError,
    tf.errors.DataLossError,
    tf.errors.CancelledError,
)
_HEAD, _FIELDS = 66, 54  # bytes: a BMP's two headers and its colour masks, and where these begin
_NOTHING = bytes(_HEAD)
_GIF, _WEBP, _BMP, _JPEG = b"GIF8", b"RIFF", b"BM", b"\xff\xd8"
_JPEG_XL = b"\xff\x0a", b"\0\0\0\x0cJXL "  # ISO/IEC 18181-2: without and with a container
_COLOUR_PNGS = [b"IHDR" + bytes([kind]) for kind in (2, 3, 6)]  # RGB, palette, RGBA
# What TensorFlow's `decode_image` reads rightly; in colour alone; or not, in part or at all.
_USUAL, _IN_COLOUR, _OTHER = range(3)
_BITS = 14  # of a pixel: which of the 16-bit numbers of a BMP's headers
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

    given = (encoded, kinds, parts.by_adobe, turns)

    @seldom_run(*(tf.TensorSpec([None], one.dtype) for one in given))
    def any_images(*given):
        return tf.map_fn(any_image, given, **arguments)

    return tf.cond(
        tf.reduce_any(unusual),
        lambda: any_images(*given),
        lambda: tf.map_fn(usual, encoded, **arguments),
    )


def _kinds(heads: tf.Tensor, four_colours: tf.Tensor, channels: int) -> tf.Tensor:
    """int32 in the shape of the images' heads.

    Args:
      four_colours: bool, of which of them are JPEGs of that.
    """
    other = four_colours
    for start in (_GIF, _WEBP, _BMP, *_JPEG_XL):
        other |= _is(heads, start)
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
    words = _words(head)
    is_bmp, is_gif, is_jpeg, is_jpeg_xl, is_boxed_jpeg_xl = (
        words[0] == int.from_bytes(start[:2], "little") for start in (_BMP, _GIF, _JPEG, *_JPEG_XL)
    )
    reason = ""
    for is_one, what in (
        (is_animated_webp(head), "an animated WebP"),
        # TensorFlow 2.21 reads it, and a server of an older one does not.
        (is_jpeg_xl | is_boxed_jpeg_xl, "a JPEG XL"),
        # Adobe stores ink inverted, and decoders disagree about what others do.
        (is_jpeg & ~by_adobe, "a CMYK JPEG without the marker of Adobe"),
        (is_bmp, _against_bmp(encoded, head, words)),
    ):
        reason = tf.where(is_one, what, reason)
    encoded = tf.strings.substr(encoded, _zero_unless(reason), tf.strings.length(encoded))
    # Not `decode_webp`: a server of an older TensorFlow would not load a graph with that op.
    image = tf.io.decode_image(encoded, channels=0, expand_animations=False)
    # Source: CompuServe, "Graphics Interchange Format, Version 89a", section 18.
    width, height = words[3:5]
    is_small = is_gif & tf.reduce_any(tf.shape(image)[:2] < (height, width))
    smaller = "a GIF whose first frame is smaller than its canvas"
    image += tf.cast(_zero_unless(tf.where(is_small, smaller, "")), tf.uint8)
    return tf.cond(
        is_bmp & (words[_BITS] == 8),
        lambda: tf.gather(_palette(encoded, words), tf.cast(image[..., 0], tf.int32)),
        lambda: image[..., :3],
    )


def _head(encoded: tf.Tensor) -> tf.Tensor:
    # substr refuses positions behind the end, so a short string is padded.
    return tf.strings.substr(tf.strings.join([encoded, tf.constant(_NOTHING)]), 0, _HEAD)


def _is(heads: tf.Tensor, start: bytes) -> tf.Tensor:
    return tf.strings.substr(heads, 0, len(start)) == start


def _grey(image: tf.Tensor) -> tf.Tensor:
    weighted = tf.reduce_sum(tf.cast(image, tf.int32) * _LUMA, axis=-1, keepdims=True)
    return tf.cast(tf.bitwise.right_shift(weighted + 0x8000, 16), tf.uint8)


def is_animated_webp(head: tf.Tensor) -> tf.Tensor:
    """Whether an image is a WebP where TensorFlow 2.21 would write behind its buffer.

    Source: Google, "WebP Container Specification": chunk VP8X and its flags.

    Args:
      head: () string, the image's first 22 bytes or more.
    """
    start = tf.strings.join([tf.strings.substr(head, 0, 4), tf.strings.substr(head, 12, 4)])
    flags = tf.bitwise.bitwise_and(_words(head)[10], 2)
    return (start == _WEBP + b"VP8X") & (flags != 0)


def _against_bmp(encoded: tf.Tensor, head: tf.Tensor, words: list[tf.Tensor]) -> tf.Tensor:
    """Why a BMP is not read, () string. Source: Microsoft, "Bitmap Storage", BITMAPINFOHEADER."""
    begin, end = _palette_place(words)
    bits, kind, header = words[_BITS], _long(words, 15), begin - 14
    whole = (begin > 0) & (end - begin >= 4) & (end <= tf.strings.length(encoded))
    has_usual_masks = tf.strings.substr(head, _FIELDS, 12) == _BITFIELDS
    reason = ""
    for holds, otherwise in (  # The first that does not hold is the reason.
        (whole | (bits != 8), "a BMP without its palette"),
        (
            (kind == 0) | ((kind == 3) & (bits == 32) & has_usual_masks),
            "a BMP that is compressed or has unusual colour masks",
        ),
        ((bits == 8) | (bits == 24) | (bits == 32), "a BMP with 1, 4 or 16 bits a pixel"),
        (header >= 40, "a BMP with the header of OS/2"),
    ):
        reason = tf.where(holds, reason, otherwise)
    return reason


def _palette(encoded: tf.Tensor, words: list[tf.Tensor]) -> tf.Tensor:
    """(256, 3) uint8: red, green and blue of a BMP's pixel values."""
    begin, end = _palette_place(words)
    text = tf.strings.substr(encoded, begin, (end - begin) // 4 * 4)
    palette = tf.io.decode_raw(text, tf.uint8, fixed_length=4 * 256)
    return tf.reshape(palette, (256, 4))[:, 2::-1]


def _palette_place(words: list[tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
    return 14 + _long(words, 7), _long(words, 5)


def _words(head: tf.Tensor) -> list[tf.Tensor]:
    """A header as little-endian 16-bit numbers, () int32 each."""
    return tf.unstack(tf.cast(tf.io.decode_raw(head, tf.uint16, fixed_length=_HEAD), tf.int32))


def _long(words: list[tf.Tensor], at: int) -> tf.Tensor:
    return words[at] + words[at + 1] * (1 << 16)


def _zero_unless(reason: tf.Tensor) -> tf.Tensor:
    """() int32 0, for what must not see the picture where there is a reason against it."""
    refusal = tf.strings.join(["This is ", reason, ", which is not read. Save it as a PNG."])
    # The refusal is not a number, so converting it raises an error that quotes it. An Assert
    # would be stateful, and so would be all that calls this: TensorFlow then prepares the whole
    # graph three times for each signature of a served model.
    return tf.strings.to_number(tf.where(reason == "", "0", refusal), tf.int32)
