"""Pictures inside the page: small, with alternative text, and masks in colours."""

import base64
import io
from html import escape

import numpy as np
from PIL import Image

from components.mask_palette import NO_CLASS, colour_of, mask_image

_SIDE = 192  # pixels of the longer side, above which a picture is shrunk
_SMALL_FILE = 8_000  # bytes up to which a file is taken as it is
# Pillow calls a PNG that breaks off between its chunks a mistake of syntax.
_UNREADABLE = (OSError, ValueError, SyntaxError, Image.DecompressionBombError)
_KINDS = {"PNG": "image/png", "JPEG": "image/jpeg"}


def picture(data, alt):
    """An encoded image as `<img>`, shrunk where it is large; "" where it cannot be read."""
    try:
        image = Image.open(io.BytesIO(data))
        image.load()
    except _UNREADABLE:
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
    except _UNREADABLE:
        return ""
    if values is not None:
        table = [NO_CLASS] * 256
        for number, value in enumerate(values):
            table[value] = number
        ids = ids.point(table)
    ids.thumbnail((_SIDE, _SIDE), Image.Resampling.NEAREST)
    shown = mask_image(np.asarray(ids))
    out = io.BytesIO()
    shown.save(out, "PNG", optimize=True)
    return _tag(out.getvalue(), "image/png", alt, shown.size)


def legend(names):
    """The colours of the classes, in words."""
    rows = [*enumerate(names), (NO_CLASS, "no class")]
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
