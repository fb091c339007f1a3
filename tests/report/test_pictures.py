"""Pictures of the page are as people see the files."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from report.pictures import picture
from tests.components.pictures import encode
from tests.components.turned_variants import exif, tiff


@pytest.mark.parametrize("side", [40, 400])
def test_a_photograph_stands_upright_whether_it_is_shrunk_or_not(side):
    pixels = np.zeros((side, 2 * side, 3), np.uint8)
    pixels[:, :side] = 255  # the left half is light: turned to the right, the upper one
    shown = picture(encode(Image.fromarray(pixels), "JPEG", exif=exif(6, ">")))
    assert shown.height == 2 * shown.width
    if side > 192:
        data = base64.b64decode(shown.src.partition("base64,")[2])
        grey = np.asarray(Image.open(io.BytesIO(data)).convert("L"))
        assert grey[: len(grey) // 3].min() > 200 > 50 > grey[-len(grey) // 3 :].max()


ODD_TAGS = {  # which Pillow reads, and would refuse to write
    "a resolution in words": (0x011A, 2, 4, b"low\0"),
    "a width in words": (0x0100, 2, 4, b"big\0"),
    "a number out of range": (0x0213, 8, 1, b"\xff\xff\0\0"),
}


@pytest.mark.parametrize("side", [40, 400])
@pytest.mark.parametrize("odd", ODD_TAGS)
def test_a_photograph_with_a_tag_of_a_wrong_type_stands_upright(odd, side):
    to_the_right = (0x0112, 3, 1, b"\0\x06\0\0")
    block = b"Exif\0\0" + tiff(sorted([to_the_right, ODD_TAGS[odd]]))
    shown = picture(encode(Image.new("RGB", (2 * side, side)), "JPEG", exif=block))
    assert shown.height == 2 * shown.width


def test_a_grey_picture_of_16_bits_keeps_its_levels():
    chance = np.random.default_rng(1)
    levels = np.repeat([[20, 120, 220]], 100, axis=1) + np.zeros((300, 1), int)
    sixteen = (levels * 256 + chance.integers(0, 256, levels.shape)).astype(np.uint16)
    shown = picture(encode(Image.fromarray(sixteen), "PNG"))
    data = base64.b64decode(shown.src.partition("base64,")[2])
    grey = np.asarray(Image.open(io.BytesIO(data)).convert("L"))
    middle = grey[:, [grey.shape[1] // 6, grey.shape[1] // 2, grey.shape[1] * 5 // 6]]
    np.testing.assert_allclose(middle.mean(axis=0), [20, 120, 220], atol=2)


def test_a_damaged_file_has_no_picture():
    assert picture(b"no image") is None
    whole = encode(Image.new("RGB", (40, 40)), "JPEG", exif=exif(6, ">"))
    assert picture(whole[:-200]) is None
