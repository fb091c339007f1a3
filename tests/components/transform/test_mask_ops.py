"""Masks in the graph: laid out as their images, never a value that was not there."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from components.tasks.segmentation import mask_ops
from components.transform import image_ops
from tests.components.transform.conftest import preprocessing

NONE = 255
CLASSES = {"far": 7, "near": 3, "rim": 255}


def fitted(make, mask: np.ndarray, image_size=None, classes=CLASSES, **options) -> np.ndarray:
    """(height, width) uint8 class ids of a (height, width) mask of pixel values."""
    options = preprocessing(**{"height": 9, "width": 12} | options)
    sizes = tf.constant([image_size or mask.shape], tf.int32)
    masks = tf.constant([make.encode(mask)])
    (raw,) = mask_ops.masks_to_bytes(masks, sizes, options, [*classes.values()]).numpy()
    return np.frombuffer(raw, np.uint8).reshape(options.height, options.width)


@pytest.mark.slow
def test_pixel_values_become_class_ids_in_the_order_of_the_classes(make):
    mask = np.array([[7, 3], [255, 4]], np.uint8)
    ids = fitted(make, mask, height=2, width=2)
    np.testing.assert_array_equal(ids, [[0, 1], [2, NONE]])


@pytest.mark.parametrize("aspect", ["stretch", "crop", "pad"])
@settings(max_examples=8, deadline=None)
@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    values=st.sets(st.sampled_from([3, 7, 255, 0, 9]), min_size=1),
    seed=st.integers(0, 99),
)
def test_no_class_appears_that_the_mask_does_not_hold(make, aspect, height, width, values, seed):
    mask = np.random.default_rng(seed).choice(np.array(sorted(values), np.uint8), (height, width))
    ids = {value: number for number, value in enumerate(CLASSES.values())}
    possible = {ids.get(value, NONE) for value in values}
    if aspect == "pad":
        possible.add(NONE)
    assert set(np.unique(fitted(make, mask, aspect=aspect))) <= possible


@pytest.mark.parametrize("resize", ["bilinear", "area", "nearest"])
@pytest.mark.parametrize("aspect", ["stretch", "crop", "pad"])
@pytest.mark.parametrize("size", [(45, 30), (30, 45), (5, 8)])
def test_a_mask_lies_where_its_image_lies(make, resize, aspect, size):
    # Image and mask show the same bright rectangle; away from its edges they must agree.
    shape = np.zeros(size, np.uint8)
    rows, columns = (slice(side // 4, side - side // 4) for side in size)
    shape[rows, columns] = 255
    options = preprocessing(40, 40, 1, resize=resize, aspect=aspect, antialias=True)
    (raw,) = image_ops.images_and_sizes(tf.constant([make.encode(shape)]), options)[0].numpy()
    image = np.frombuffer(raw, np.uint8).reshape(40, 40)
    two = {"dark": 0, "bright": 255}
    ids = fitted(make, shape, height=40, width=40, aspect=aspect, classes=two)
    inside, outside = image > 192, image < 64
    assert inside.sum() > 100
    # The classes change where the interpolated image passes the middle, to within a pixel.
    assert np.mean(ids[inside] == 1) > 0.98
    assert np.mean(ids[outside] == 1) < 0.02


def test_padding_is_of_no_class(make):
    ids = fitted(make, np.full((10, 20), 7, np.uint8), height=20, width=20, aspect="pad")
    assert (ids[5:15] == 0).all()
    assert (ids[:5] == NONE).all()
    assert (ids[15:] == NONE).all()


def test_a_mask_half_as_large_as_its_image_covers_it(make):
    half = np.kron(np.array([[7, 3]], np.uint8), np.ones((10, 8), np.uint8))  # (10, 16)
    ids = fitted(make, half, image_size=(20, 33), height=4, width=4)
    np.testing.assert_array_equal(ids, [[0, 0, 1, 1]] * 4)


def test_a_mask_of_other_proportions_than_its_image_is_an_error(make):
    with pytest.raises(tf.errors.InvalidArgumentError):
        fitted(make, np.full((30, 20), 7, np.uint8), image_size=(20, 30))


@pytest.mark.parametrize(
    ("mask", "image", "same"),
    [
        ((50, 51), (100, 101), True),
        ((50, 51), (100, 100), True),  # one pixel more
        ((50, 52), (100, 100), False),  # two
        ((240, 321), (480, 640), True),
        ((240, 323), (480, 640), False),
        ((323, 240), (640, 480), False),
        ((1, 1), (4000, 4000), True),
    ],
)
def test_proportions_may_differ_by_what_rounding_does(mask, image, same):
    assert bool(mask_ops.same_proportions(tf.constant(mask), tf.constant(image))) is same


@pytest.mark.parametrize(("height", "width"), [(101, 50), (13, 7), (5, 8), (1, 3)])
def test_every_pixel_is_the_one_under_its_centre(make, height, width):
    mask = np.random.default_rng(0).choice(np.array([7, 3, 255, 0], np.uint8), (height, width))
    rows = ((np.arange(9) + 0.5) * height / 9).astype(int)
    columns = ((np.arange(12) + 0.5) * width / 12).astype(int)
    seen = mask[rows][:, columns]
    expected = np.select([seen == 7, seen == 3, seen == 255], [0, 1, 2], NONE)
    np.testing.assert_array_equal(fitted(make, mask), expected)


def test_a_missing_mask_is_of_no_class():
    sizes = tf.constant([[5, 5]])
    (raw,) = mask_ops.masks_to_bytes(tf.constant([""]), sizes, preprocessing(2, 3), [7, 3]).numpy()
    assert raw == bytes([NONE] * 6)
