"""Models by name: uint8 images in, logits out."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from components.trainer.model_registry import build_model
from components.trainer.models.names import task_of


@pytest.mark.parametrize("name", ["small_cnn", "unet"])
@settings(max_examples=8, deadline=None)
@given(
    height=st.integers(8, 40),
    width=st.integers(8, 40),
    channels=st.sampled_from([1, 3]),
    classes=st.integers(2, 12),
)
def test_every_model_takes_uint8_images_of_any_size_to_logits(
    name, height, width, channels, classes
):
    model = build_model(
        {"name": name}, (height, width, channels), classes, [100.0] * channels, [50.0] * channels
    )
    images = np.random.default_rng(0).integers(0, 256, (3, height, width, channels), np.uint8)
    logits = model(tf.constant(images), training=False)
    of_each = (height, width) if task_of(name) == "segmentation" else ()
    assert logits.shape == (3, *of_each, classes)
    assert logits.dtype == tf.float32
    assert np.isfinite(logits).all()


def test_pixels_are_normalised_inside_the_model():
    model = build_model({"name": "small_cnn"}, (8, 8, 3), 2, [10.0, 20.0, 30.0], [2.0, 4.0, 5.0])
    normalisation = model.get_layer("normalisation")
    pixels = normalisation(tf.constant([[[[12, 16, 40]]]], tf.uint8))
    np.testing.assert_allclose(pixels.numpy().ravel(), [1.0, -1.0, 2.0])


def test_a_channel_of_one_single_value_gives_no_endless_numbers():
    model = build_model({"name": "small_cnn"}, (8, 8, 1), 2, [7.0], [0.0])
    pixels = model.get_layer("normalisation")(tf.constant([[[[7]], [[255]]]], tf.uint8))
    np.testing.assert_allclose(pixels.numpy().ravel(), [0.0, 248.0])


def test_a_larger_image_makes_no_larger_classifier():
    small, large = (
        build_model({"name": "small_cnn"}, (side, side, 3), 5, [100.0] * 3, [50.0] * 3)
        for side in (32, 256)
    )
    assert small.count_params() == large.count_params()
