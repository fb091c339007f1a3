"""What is learnt from the training split, against numpy."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.transform import pixel_statistics
from components.transform.vocabulary import content
from failures import Failure


def vocabulary(labels, class_names=None) -> list[str]:
    return content(labels, class_names).decode().splitlines()


def test_ids_stand_in_numerical_order():
    assert vocabulary({10, 2, 1}) == ["1", "2", "10"]


def test_texts_stand_in_lexicographical_order_and_the_empty_one_is_left_out():
    assert vocabulary({b"dog", b"cat", b"", b"10", b"9"}) == ["10", "9", "cat", "dog"]


def test_class_names_stand_in_the_order_of_their_ids_and_only_if_met():
    assert vocabulary({3, 0, -1, 9}, ["zebra", "ant", "bee", "cow"]) == ["zebra", "cow"]


def test_a_label_with_a_line_break_is_refused():
    with pytest.raises(Failure, match="line break"):
        vocabulary({b"two\nlines"})


@settings(max_examples=20, deadline=None)
@given(
    height=st.integers(1, 9),
    width=st.integers(1, 9),
    channels=st.sampled_from([1, 3]),
    images=st.integers(1, 20),
    split_at=st.integers(0, 20),
    value=st.integers(0, 255),
)
def test_pixel_statistics_are_numpys_however_the_data_is_split(
    height, width, channels, images, split_at, value
):
    shape = (images, height, width, channels)
    pixels = np.random.default_rng(images).integers(0, value + 1, shape, dtype=np.uint8)
    parts = [
        pixel_statistics.of_batch(part, shape[1:])
        for part in (pixels[:split_at], pixels[split_at:])
    ]
    content = pixel_statistics.as_json(sum(parts), images, shape[1:])
    found = json.loads(content)
    assert found["shape"] == list(shape[1:])
    np.testing.assert_allclose(found["mean"], pixels.mean((0, 1, 2)), rtol=1e-12)
    np.testing.assert_allclose(found["std"], pixels.std((0, 1, 2)), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("shape", [(4096, 16, 1), (16, 16, 1), (259, 3, 1)])
def test_sums_of_bright_images_are_exact_to_the_last_digit(shape):
    images = np.full((1001, math.prod(shape)), 255, np.uint8)
    images[-1] = 254
    sums = pixel_statistics.of_batch(images, shape)
    pixels = math.prod(shape)
    assert sums.tolist() == [
        [(1000 * 255 + 254) * pixels],
        [(1000 * 255**2 + 254**2) * pixels],
    ]
