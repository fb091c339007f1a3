"""The ops that turn encoded images into pixels, eagerly and inside tf.data."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from components.transform import image_ops
from tests.components.transform.conftest import preprocessing


def in_tf_data(function, image):
    """The function applied by a tf.data pipeline instead of eagerly."""
    dataset = tf.data.Dataset.from_tensors(image).map(function)
    return next(dataset.as_numpy_iterator())


def to_pixels(encoded, options) -> np.ndarray:
    (raw,) = image_ops.images_and_sizes(tf.constant([encoded]), options)[0].numpy()
    return np.frombuffer(raw, np.uint8).reshape(options.height, options.width, options.channels)


def test_an_animated_gif_gives_its_first_frame(make):
    from PIL import Image

    frames = [Image.fromarray(make.picture(seed=seed)) for seed in range(3)]
    still = make.encode(make.picture(seed=0), "GIF")
    moving = make.encode(make.picture(seed=0), "GIF", save_all=True, append_images=frames[1:])
    options = preprocessing(8, 8, antialias=False)
    np.testing.assert_array_equal(to_pixels(moving, options), to_pixels(still, options))


def test_an_image_of_the_right_size_is_left_as_it_is(make):
    pixels = make.picture(8, 6)
    for method in ("bilinear", "area", "nearest"):
        options = preprocessing(8, 6, resize=method)
        np.testing.assert_array_equal(to_pixels(make.encode(pixels), options), pixels)


@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("method", ["bilinear", "area", "nearest"])
def test_resizing_rounds_what_tensorflow_interpolates(make, method, antialias):
    pixels = make.picture(40, 30)
    options = preprocessing(9, 11, resize=method, antialias=antialias)
    filtered = antialias and method == "bilinear"
    expected = tf.image.resize(pixels, (9, 11), method=method, antialias=filtered).numpy()
    np.testing.assert_array_equal(to_pixels(make.encode(pixels), options), np.round(expected))
    in_graph = in_tf_data(lambda one: image_ops.fit(one, options), pixels)
    np.testing.assert_array_equal(in_graph, np.round(expected))


def test_antialiasing_changes_nothing_when_an_image_grows(make):
    encoded = make.encode(make.picture(5, 7))
    filtered, plain = (preprocessing(20, 21, antialias=antialias) for antialias in (True, False))
    np.testing.assert_array_equal(to_pixels(encoded, filtered), to_pixels(encoded, plain))


def test_crop_keeps_the_middle_and_the_proportions(make):
    pixels = make.picture(10, 30)
    cropped = to_pixels(make.encode(pixels), preprocessing(10, 10, aspect="crop"))
    np.testing.assert_array_equal(cropped, pixels[:, 10:20])
    cropped = to_pixels(make.encode(pixels), preprocessing(5, 30, aspect="crop"))
    np.testing.assert_array_equal(cropped, pixels[2:7])


def test_pad_keeps_the_whole_image_between_black_bands(make):
    pixels = make.picture(10, 30)
    padded = to_pixels(make.encode(pixels), preprocessing(30, 30, aspect="pad"))
    np.testing.assert_array_equal(padded[10:20], pixels)
    assert not padded[:10].any()
    assert not padded[20:].any()
    padded = to_pixels(make.encode(pixels), preprocessing(13, 30, aspect="pad"))
    np.testing.assert_array_equal(padded[1:11], pixels)  # of three rows the odd one comes last


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    target=st.tuples(st.integers(1, 24), st.integers(1, 24)),
    given_channels=st.sampled_from([1, 3]),
    channels=st.sampled_from([1, 3]),
    image_format=st.sampled_from(["PNG", "JPEG"]),
    method=st.sampled_from(["bilinear", "area", "nearest"]),
    aspect=st.sampled_from(["stretch", "crop", "pad"]),
)
def test_every_image_becomes_exactly_the_configured_number_of_bytes(
    make, size, target, given_channels, channels, image_format, method, aspect
):
    encoded = make.encode(make.picture(*size, given_channels), image_format)
    options = preprocessing(*target, channels, resize=method, aspect=aspect)
    (raw,) = image_ops.images_and_sizes(tf.constant([encoded]), options)[0].numpy()
    assert len(raw) == target[0] * target[1] * channels


@pytest.mark.slow
def test_a_batch_of_images_of_many_sizes_keeps_its_order(make):
    pictures = [make.encode(make.picture(3 + i, 4 + i, seed=i)) for i in range(50)]
    options = preprocessing(7, 5)
    batch = image_ops.images_and_sizes(tf.constant(pictures), options)[0].numpy()
    alone = [to_pixels(encoded, options).tobytes() for encoded in pictures]
    assert batch.tolist() == alone


def test_an_empty_batch_stays_empty():
    encoded = tf.constant([], tf.string)
    assert image_ops.images_and_sizes(encoded, preprocessing(4, 4))[0].shape == (0,)
