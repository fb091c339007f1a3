"""Pictures for the page: small, as data URIs, and masks in colours."""

import base64
import io
from typing import NamedTuple

import numpy as np
from PIL import ExifTags, Image

from components.mask_palette import colour_of, mask_image
from settings.data import NO_CLASS

_SIDE = 192  # pixels of the longer side, above which a picture is shrunk
_SHARP = 64  # pixels of the longer side below which single pixels are to be seen
_SMALL_FILE = 8_000  # bytes up to which a file is taken as it is
_TURNS = {  # by EXIF's orientation
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_KINDS = {"PNG": "image/png", "JPEG": "image/jpeg"}


class Picture(NamedTuple):
    """An image for `<img>`; width and height in pixels."""

    src: str
    width: int
    height: int

    @property
    def sharp(self):
        return max(self.width, self.height) < _SHARP


def picture(data):
    """The Picture of an encoded image, shrunk where it is large; None where it is damaged."""
    try:
        image = Image.open(io.BytesIO(data))
        kind = image.format
        image = _upright(image)  # as a browser shows the file itself
    except Exception:  # Pillow raises errors of any kind for a damaged file.
        return None
    if kind in _KINDS and len(data) <= _SMALL_FILE and max(image.size) <= _SIDE:
        return Picture(data_uri(data, _KINDS[kind]), *image.size)
    if image.mode.startswith("I;16"):  # Pillow would make all but the darkest pixels white.
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    clear = image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info
    small = image.convert("RGBA" if clear else ("L" if image.mode in ("1", "L") else "RGB"))
    small.thumbnail((_SIDE, _SIDE))
    return _encoded(small, "PNG" if clear or max(small.size) < _SHARP else "JPEG")


def mask_picture(data, features=None):
    """The Picture of a mask in the colours of `colour_of`; None where it is damaged.

    `features` tell the classes; without them, the pixels are class ids.
    """
    try:
        image = Image.open(io.BytesIO(data))
        if features and features.mask_colours:
            values = features.mask_colours
            pixels = np.asarray(image.convert("RGB"), np.int32) @ (1 << 16, 1 << 8, 1)
        else:
            values = features.mask_values if features else range(NO_CLASS)
            pixels = np.asarray(image if image.mode in ("P", "L") else image.convert("L"))
    except Exception:
        return None
    ids = np.full(pixels.shape, NO_CLASS, np.uint8)
    for number, value in enumerate(values):
        ids[pixels == value] = number
    ids = Image.fromarray(ids)
    ids.thumbnail((_SIDE, _SIDE), Image.Resampling.NEAREST)
    return _encoded(mask_image(np.asarray(ids)), "PNG")


def legend(names):
    """[(name, colour of CSS)] of the classes and of no class."""
    rows = [*enumerate(names), (NO_CLASS, "no class")]
    return [(name, f"rgb{colour_of(number)}") for number, name in rows]


def data_uri(data, kind):
    """The address of data that stands in the page itself."""
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def _upright(image):
    """The image turned as its EXIF says.

    Pillow's `exif_transpose` writes all of the EXIF anew, and fails at odd values of other tags.
    """
    image.load()
    turn = _TURNS.get(image.getexif().get(ExifTags.Base.Orientation))
    return image if turn is None else image.transpose(turn)


def _encoded(image, kind):
    out = io.BytesIO()
    image.save(out, kind, **({"quality": 82} if kind == "JPEG" else {"optimize": True}))
    return Picture(data_uri(out.getvalue(), _KINDS[kind]), *image.size)
