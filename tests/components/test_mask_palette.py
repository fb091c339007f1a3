"""A class has one colour, in the files of `predict` and in the report."""

import base64
import io

import numpy as np
from PIL import Image

from components.mask_palette import colour_of, mask_png
from report.pictures import legend, mask_picture
from settings.data import NO_CLASS, Features

IDS = np.array([[0, 1, 9], [10, 20, NO_CLASS]], np.uint8)


def colours(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).tolist()


def test_predicted_masks_have_the_colours_of_the_report():
    shown = mask_picture(mask_png(IDS)).src.partition("base64,")[2]
    assert colours(mask_png(IDS)) == colours(base64.b64decode(shown))
    assert colours(mask_png(IDS))[0][:2] == [[86, 180, 233], [230, 159, 0]]


def test_masks_in_colours_have_them_too():
    features = Features(mask_feature="mask", mask_classes={"sky": "#0080ff", "tree": "#00ff00"})
    file = io.BytesIO()
    Image.fromarray(np.array([[[0, 255, 0], [0, 128, 255], [1, 2, 3]]], np.uint8)).save(file, "PNG")
    shown = mask_picture(file.getvalue(), features).src.partition("base64,")[2]
    expected = [[list(colour_of(number)) for number in (1, 0, NO_CLASS)]]
    assert colours(base64.b64decode(shown)) == expected


def test_the_legend_names_the_colours_of_the_masks():
    shown = legend([str(number) for number in range(21)])
    assert [colour for _, colour in shown] == [
        f"rgb{colour_of(number)}" for number in (*range(21), NO_CLASS)
    ]


def test_every_class_has_a_colour_of_its_own():
    assert len({colour_of(number) for number in range(256)}) == 256
