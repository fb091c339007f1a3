"""Pictures of the page are as people see the files."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from report.pictures import picture
from tests.components.pictures import encode
from tests.components.turned_variants import exif


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
