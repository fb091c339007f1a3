"""What is learnt from the training split, against numpy."""

import json

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from components.transform.analyzers import LabelVocabulary, PixelStatistics, pixel_sums
from components.transform.options import Preprocessing
from failures import Failure


def vocabulary(batches, class_names=None) -> list[str]:
    combine = LabelVocabulary(class_names)
    accumulators = [
        combine.add_input(combine.create_accumulator(), np.array(batch)) for batch in batches
    ]
    content = combine.extract_output(combine.merge_accumulators(accumulators))
    return content.decode().splitlines()


def test_ids_stand_in_numerical_order():
    assert vocabulary([[10, 2], [1, 2, 10]]) == ["1", "2", "10"]


def test_texts_stand_in_lexicographical_order_and_the_empty_one_is_none():
    batches = [np.array([b"dog", b"cat"], object), np.array([b"", b"10", b"9"], object)]
    assert vocabulary(batches) == ["10", "9", "cat", "dog"]


def test_class_names_stand_in_the_order_of_their_ids_and_only_if_met():
    assert vocabulary([[3, 0], [-1, 0, 9]], ["zebra", "ant", "bee", "cow"]) == ["zebra", "cow"]


def test_a_label_with_a_line_break_is_refused():
    with pytest.raises(Failure, match="line break"):
        vocabulary([np.array([b"two\nlines"], object)])


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
    options = Preprocessing(height, width, channels)
    statistics = PixelStatistics(options)
    accumulators = [statistics.create_accumulator()]
    for part in (pixels[:split_at], pixels[split_at:]):
        raw = tf.constant([image.tobytes() for image in part], tf.string)
        sums = pixel_sums(raw, options).numpy()
        assert sums.shape == (len(part), 2, channels)
        accumulators.append(statistics.add_input(statistics.create_accumulator(), sums))
    found = json.loads(statistics.extract_output(statistics.merge_accumulators(accumulators)))
    np.testing.assert_allclose(found["mean"], pixels.mean((0, 1, 2)), rtol=1e-12)
    np.testing.assert_allclose(found["std"], pixels.std((0, 1, 2)), rtol=1e-9, atol=1e-9)


def test_sums_of_a_bright_tall_image_do_not_overflow():
    options = Preprocessing(4096, 16, 1)
    sums = pixel_sums(tf.constant([b"\xff" * options.image_bytes]), options).numpy()
    assert sums.tolist() == [[[255 * 65536], [255 * 255 * 65536]]]
