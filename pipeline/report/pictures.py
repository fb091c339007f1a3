"""Pictures inside the page: small, with alternative text, and masks in colours."""

import base64
import io
from html import escape

from PIL import Image

_SIDE = 192  # pixels of the longer side, above which a picture is shrunk
_SMALL_FILE = 8_000  # bytes up to which a file is taken as it is
_NO_CLASS = 255  # a mask's pixel of no class
_KINDS = {"PNG": "image/png", "JPEG": "image/jpeg"}
# Told apart also with a colour vision deficiency: Okabe and Ito, "Color Universal Design", 2008.
_COLOURS = (
    (86, 180, 233), (230, 159, 0), (0, 158, 115), (213, 94, 0), (0, 114, 178),
    (204, 121, 167), (240, 228, 66), (148, 103, 189), (140, 86, 75), (23, 190, 207),
)  # fmt: skip
_NOTHING = (128, 128, 128)


def picture(data, alt):
    """An encoded image as `<img>`, shrunk where it is large; "" where it cannot be read."""
    try:
        image = Image.open(io.BytesIO(data))
        image.load()
    except (OSError, ValueError, Image.DecompressionBombError):
        return ""
    if image.format not in _KINDS or len(data) > _SMALL_FILE or max(image.size) > _SIDE:
        data, image = _shrunk(image)
    return _tag(data, _KINDS[image.format or "PNG"], alt, image.size)


def mask_picture(data, alt, values=None):
    """A mask as `<img>` in the colours of `colour_of`; "" where it cannot be read.

    Args:
      data: an encoded image of one channel or of a palette.
      alt: the alternative text.
      values: the pixel value of each class; None: the values are class ids.
    """
    try:
        image = Image.open(io.BytesIO(data))
        ids = image if image.mode in ("P", "L") else image.convert("L")
        ids = Image.frombytes("L", ids.size, ids.tobytes())
    except (OSError, ValueError, Image.DecompressionBombError):
        return ""
    if values is not None:
        table = [_NO_CLASS] * 256
        for number, value in enumerate(values):
            table[value] = number
        ids = ids.point(table)
    ids.thumbnail((_SIDE, _SIDE), Image.Resampling.NEAREST)
    shown = Image.frombytes("P", ids.size, ids.tobytes())
    shown.putpalette([part for number in range(256) for part in colour_of(number)])
    out = io.BytesIO()
    shown.save(out, "PNG", optimize=True)
    return _tag(out.getvalue(), "image/png", alt, shown.size)


def colour_of(number):
    """(red, green, blue) of a class id; grey for the pixels of no class."""
    return _NOTHING if number == _NO_CLASS else _COLOURS[number % len(_COLOURS)]


def legend(names):
    """The colours of the classes, in words."""
    rows = [*enumerate(names), (_NO_CLASS, "no class")]
    items = "".join(
        f'<li><svg class=swatch viewBox="0 0 1 1" aria-hidden="true"><rect width="1" height="1" '
        f'style="fill:rgb{colour_of(number)}"/></svg> {escape(str(name))}</li>'
        for number, name in rows
    )
    return f'<ul class=legend aria-label="Colours of the classes">{items}</ul>'


def _shrunk(image):
    clear = image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info
    small = image.convert("RGBA" if clear else ("L" if image.mode in ("1", "L") else "RGB"))
    small.thumbnail((_SIDE, _SIDE))
    out = io.BytesIO()
    kind = "PNG" if clear or max(image.size) < 64 else "JPEG"
    small.save(out, kind, quality=82)
    small.format = kind
    return out.getvalue(), small


def _tag(data, kind, alt, size):
    sharp = " class=pixels" if max(size) < 64 else ""
    return (
        f'<img{sharp} alt="{escape(alt)}" width={size[0]} height={size[1]} '
        f'src="data:{kind};base64,{base64.b64encode(data).decode()}">'
    )
