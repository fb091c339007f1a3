"""Augmentation: random, repeatable, images and masks alike, and nowhere but in training."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_sample_image

import augmentations
from components.trainer.augmentation import Augmenter
from failures import Failure
from settings.augmentation import Augmentation
from settings.data import NO_CLASS

EACH = {
    "flip": {"flip": "both"},
    "crop": {"crop": 0.4},
    "rotate": {"rotate": 30.0},
    "brightness": {"brightness": 0.4},
    "contrast": {"contrast": 0.4},
    "saturation": {"saturation": 0.8},
    "hue": {"hue": 0.3},
    "cutout": {"cutout": 0.4},
    "random_erasing": {"random_erasing": 0.9},
    "randaugment": {"randaugment": 2},
}
ALL = {name: value for parameters in EACH.values() for name, value in parameters.items()}
CLASS_COLOURS = {0: (40, 160, 90), 1: (220, 60, 130)}


def photographs(count=6, height=24, width=30) -> np.ndarray:
    """Parts of a photograph, (count, height, width, 3) uint8."""
    picture = load_sample_image("flower.jpg")
    return np.stack([picture[40 * i :: 9, 60 * i :: 9][:height, :width] for i in range(count)])


def two_classes(count=4, height=21, width=26, seed=0) -> tuple[np.ndarray, np.ndarray]:
    """Pictures of two flat colours in blobs, and the masks that say which is where."""
    coarse = np.random.default_rng(seed).integers(0, 2, [count, 4, 4])
    masks = np.kron(coarse, np.ones([1, 7, 7], int))[:, :height, :width, None]
    colours = np.array(list(CLASS_COLOURS.values()))
    return colours[masks[..., 0]].astype(np.uint8), masks.astype(np.uint8)


def augmenter(keys, seed=1):
    return Augmenter(Augmentation.of(**keys), seed)


def apply(parameters, images, masks=None, seed=1, step=0):
    images, masks = augmenter(parameters, seed)(
        tf.constant(images), masks, tf.constant(step, tf.int64)
    )
    return images.numpy(), None if masks is None else masks.numpy()


def assert_consistent(images, masks):
    """Wherever a colour went, its class went; and what is blank is of no class."""
    for label, colour in CLASS_COLOURS.items():
        of_colour = (images == colour).all(axis=-1)
        assert np.all(masks[..., 0][of_colour] == label)
    np.testing.assert_array_equal(masks[..., 0] == NO_CLASS, ~images.any(axis=-1))
    assert set(np.unique(masks)) <= {0, 1, NO_CLASS}


def test_keys_that_change_nothing_are_not_active():
    assert not Augmentation.of().active
    assert not Augmentation.of(flip="none", crop=0.0, hue=0.0).active


@pytest.mark.slow
@pytest.mark.parametrize("parameters", EACH.values(), ids=EACH)
def test_each_change_is_the_same_eagerly_and_in_a_dataset(parameters):
    images = photographs()
    augmentation = augmenter(parameters)
    eager, _ = apply(parameters, images, step=5)
    assert eager.shape == images.shape
    assert eager.dtype == np.uint8
    assert not np.array_equal(eager, images)

    step = tf.constant(5, tf.int64)
    dataset = tf.data.Dataset.from_tensors(images)
    [mapped] = dataset.map(lambda batch: augmentation(batch, None, step)[0]).as_numpy_iterator()
    # TensorFlow sums in another order in a graph: a colour may be rounded the other way.
    np.testing.assert_allclose(mapped.astype(int), eager, atol=1)


@pytest.mark.slow
@pytest.mark.parametrize("names", [("flip", "crop", "cutout"), ("rotate", "random_erasing")])
def test_xla_moves_image_and_mask_together_and_repeats_itself(names):
    images, masks = two_classes()
    augmentation = augmenter({key: value for name in names for key, value in EACH[name].items()})
    compiled = tf.function(augmentation, jit_compile=True)
    for step in (5, 6):
        changed, changed_masks = compiled(images, masks, tf.constant(step, tf.int64))
        assert_consistent(changed.numpy(), changed_masks.numpy())
        again, _ = compiled(images, masks, tf.constant(step, tf.int64))
        np.testing.assert_array_equal(again, changed)
    assert not np.array_equal(compiled(images, masks, tf.constant(5, tf.int64))[0], changed)


@pytest.mark.slow
def test_xla_recolours_within_the_same_bounds():
    image = photographs(count=1)
    many = np.repeat(image, 64, axis=0)
    compiled = tf.function(augmenter({"brightness": 0.4}), jit_compile=True)
    recoloured, masks = compiled(many, None, tf.constant(0, tf.int64))
    factors = recoloured.numpy().mean(axis=(1, 2, 3)) / image.mean()
    assert masks is None
    assert 0.59 < factors.min() < 0.7
    assert 1.2 < factors.max() < 1.41


def test_the_same_seed_and_step_give_the_same_pictures_and_others_do_not():
    images = photographs()
    first, _ = apply(ALL, images, seed=1, step=7)
    np.testing.assert_array_equal(apply(ALL, images, seed=1, step=7)[0], first)
    assert not np.array_equal(apply(ALL, images, seed=1, step=8)[0], first)
    assert not np.array_equal(apply(ALL, images, seed=2, step=7)[0], first)


def test_every_picture_of_a_batch_is_changed_in_its_own_way():
    same = np.repeat(photographs(count=1), 8, axis=0)
    changed, _ = apply({"crop": 0.4, "brightness": 0.4}, same)
    assert len({picture.tobytes() for picture in changed}) == 8


def test_what_is_switched_on_beside_a_flip_leaves_the_flips_as_they_were():
    images, _ = two_classes(count=32)
    flipped, _ = apply({"flip": "horizontal"}, images)
    also_cut, _ = apply({"flip": "horizontal", "cutout": 0.2}, images)
    kept = also_cut.any(axis=-1)
    np.testing.assert_array_equal(also_cut[kept], flipped[kept])


def test_about_half_of_the_pictures_are_flipped_each_way():
    image = np.zeros([1, 2, 2, 1], np.uint8)
    image[0, 0, 0] = 255  # where the corner goes tells which flips there were
    corners, _ = apply({"flip": "both"}, np.repeat(image, 2000, axis=0))
    shares = corners[..., 0].mean(axis=0) / 255
    assert np.all(np.abs(shares - 0.25) < 0.04)  # four standard deviations


@pytest.mark.parametrize(
    ("parameters", "bounds"),
    [({"brightness": 0.5}, (0.5, 1.5)), ({"contrast": 0.5}, (0.5, 1.5))],
)
def test_factors_fill_their_range_evenly(parameters, bounds):
    row = np.array([80, 120], np.uint8).reshape(1, 1, 2, 1)
    changed, _ = apply(parameters, np.repeat(row, 2000, axis=0))
    changed = changed[..., 0].astype(float)
    if "brightness" in parameters:
        factors = changed[:, 0, 1] / 120
    else:
        factors = (changed[:, 0, 1] - changed[:, 0, 0]) / 40
        assert np.all(np.abs(changed.mean(axis=(1, 2)) - 100) <= 1)  # the mean stays
    assert bounds[0] - 0.02 <= factors.min() < bounds[0] + 0.05
    assert bounds[1] - 0.05 < factors.max() <= bounds[1] + 0.02
    assert abs(factors.mean() - 1) < 0.03


def test_saturation_and_hue_leave_grey_and_luma_as_they_are():
    grey = np.full([4, 3, 3, 3], 120, np.uint8)
    np.testing.assert_array_equal(apply({"saturation": 1.0, "hue": 0.5}, grey)[0], grey)
    images = np.random.default_rng(0).integers(100, 150, [8, 6, 6, 3], dtype=np.uint8)
    changed, _ = apply({"saturation": 0.5, "hue": 0.5}, images)
    luma = np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(changed @ luma, images @ luma, atol=1)
    assert np.abs(changed.astype(int) - images).max() > 15


def test_cut_out_blanks_one_rectangle_of_its_size_in_image_and_mask():
    images, masks = two_classes(count=16, height=20, width=28)
    changed, changed_masks = apply({"cutout": 0.5}, images, masks)
    blank = ~changed.any(axis=-1)
    np.testing.assert_array_equal(blank, changed_masks[..., 0] == NO_CLASS)
    assert np.all(blank.any(axis=2).sum(axis=1) == 10)
    assert np.all(blank.any(axis=1).sum(axis=1) == 14)
    assert np.all(blank.sum(axis=(1, 2)) == 140)
    assert len({place.tobytes() for place in blank}) > 8


def test_a_crop_shows_nothing_from_outside_and_enlarges_what_is_left():
    width = 101
    ramp = np.repeat(np.arange(width, dtype=np.uint8)[None, None, :, None], 200, axis=0)
    changed, _ = apply({"crop": 0.5}, ramp)
    shown = changed[:, 0, -1, 0].astype(float) - changed[:, 0, 0, 0]
    assert np.all(np.diff(changed[:, 0, :, 0].astype(int), axis=1) >= 0)
    assert shown.min() < 55
    assert shown.max() > 95
    assert changed[:, 0, 0, 0].max() > 40  # the window moves


def test_a_rotation_moves_a_point_by_its_angle_and_blanks_what_was_outside():
    image = np.zeros([1, 41, 41, 1], np.uint8)
    image[0, 18:23, 33:38] = 200  # 15 pixels to the right of the centre
    angles = []
    for picture in apply({"rotate": 45.0}, np.repeat(image, 64, axis=0))[0]:
        y, x = (np.average(at - 20.0, weights=picture[..., 0]) for at in np.mgrid[:41, :41])
        assert np.hypot(x, y) == pytest.approx(15, abs=0.3)
        angles.append(np.degrees(np.arctan2(y, x)))
    assert -46 < min(angles) < -35
    assert 35 < max(angles) < 46
    white = np.full([8, 20, 20, 1], 255, np.uint8)
    turned, masks = apply({"rotate": 45.0}, white, np.zeros_like(white))
    np.testing.assert_array_equal(masks == NO_CLASS, turned == 0)
    assert (turned == 0).any()


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(
    flip=st.sampled_from(["none", "horizontal", "vertical", "both"]),
    crop=st.sampled_from([0.0, 0.3, 0.7]),
    rotate=st.sampled_from([0.0, 20.0, 180.0]),
    cutout=st.sampled_from([0.0, 0.3]),
    step=st.integers(0, 2**62),
)
def test_a_mask_goes_with_its_image_wherever_that_goes(flip, crop, rotate, cutout, step):
    parameters = {"flip": flip, "crop": crop, "rotate": rotate, "cutout": cutout}
    if not Augmentation.of(**parameters).active:
        return
    images, masks = two_classes()
    images, masks = apply(parameters, images, masks, step=step)
    assert masks.dtype == np.uint8
    assert_consistent(images, masks)


@pytest.mark.parametrize("channels", [1, 3])
def test_extreme_changes_stay_within_bytes_without_wrapping(channels):
    bright = np.full([64, 4, 4, channels], 250, np.uint8)
    changed, _ = apply({"brightness": 1.0}, bright)
    assert changed.max() == 255
    ordered = np.sort(np.unique(changed))
    assert ordered[0] < 30
    assert np.all(np.diff(ordered.astype(int)) > 0)


def test_colour_changes_of_grey_images_are_refused_in_one_line():
    with pytest.raises(Failure, match="have no colour to change") as refused:
        apply({"hue": 0.1}, np.zeros([1, 4, 4, 1], np.uint8))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"flipp": "both"}, "flipp: unknown key; did you mean flip?"),
        ({"crop": 1.0}, "crop: given 1.0; allowed: a number, 0 or more, below 1"),
        ({"flip": "sideways"}, "flip: given 'sideways'; allowed: 'none', "),
        ({"hue": 0.6}, "hue: given 0.6; allowed: a number, 0 to 0.5"),
        ({"rotate": "30"}, "rotate: given '30'; allowed: a number, 0 to 180"),
        ({"crop": None}, "crop: given null; allowed: a number"),
    ],
)
def test_a_wrong_parameter_is_refused_in_one_line(parameters, message):
    with pytest.raises(Failure) as refused:
        augmenter(parameters)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_no_two_augmentations_declare_the_same_key():
    keys = [key for name in augmentations.NAMES for key in Augmentation.keys_of(name)]
    assert len(set(keys)) == len(keys)
    assert {*keys, "own"} == set(Augmentation.model_fields)


def test_random_erasing_blanks_rectangles_of_the_stated_sizes_in_its_share_of_the_images():
    white = np.full((400, 40, 50, 3), 255, np.uint8)
    changed, _ = apply({"random_erasing": 0.5}, white)
    black = ~changed.any(axis=-1)
    areas = black.mean(axis=(1, 2))
    erased = areas > 0
    assert 0.4 < erased.mean() < 0.6
    assert 0.01 < areas[erased].min() < 0.06
    assert 0.28 < areas.max() < 0.36
    for mask in black[erased][:50]:
        rows, columns = mask.any(axis=1), mask.any(axis=0)
        assert mask.sum() == rows.sum() * columns.sum()  # one whole rectangle
