"""The embedded pairs: labels fit the digits, and they are the same each time."""

import io

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from datasets.digit_pairs import COUNTS, pairs
from datasets.digits import SIDE, enlarged_png


def halves(png: bytes) -> list[bytes]:
    pixels = np.asarray(Image.open(io.BytesIO(png)))
    assert pixels.shape == (SIDE, 2 * SIDE)
    return [np.ascontiguousarray(half).tobytes() for half in np.split(pixels, 2, axis=1)]


@pytest.mark.slow
@pytest.mark.parametrize("split", ["train", "test"])
def test_the_labels_are_those_of_the_two_digits(split):
    digits = load_digits()
    known = {}
    for picture, label in zip(digits.images, digits.target, strict=True):
        pixels = np.asarray(Image.open(io.BytesIO(enlarged_png(picture))))
        known.setdefault(pixels.tobytes(), set()).add(int(label))
    for png, labels in pairs(split, 30):
        shown = [known[half] for half in halves(png)]
        assert all(one & set(labels) for one in shown)
        assert labels == sorted(set(labels))
        assert len(labels) in (1, 2)


@pytest.mark.slow
def test_the_splits_share_no_digit():
    train, test = (
        {half for png, _ in pairs(split, 300) for half in halves(png)} for split in COUNTS
    )
    assert not train & test


def test_they_are_the_same_each_time():
    assert list(pairs("train", 5)) == list(pairs("train", 7))[:5]
    assert next(pairs("train", 1)) != next(pairs("test", 1))
