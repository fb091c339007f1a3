"""RandAugment: each change is Pillow's, and the changes are drawn evenly."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageEnhance, ImageOps

from augmentations import _points, randaugment
from settings.data import NO_CLASS
from tests.augmentations.test_augmentations import apply, augmenter, photographs, two_classes

BY_PILLOW = {
    "auto_contrast": (_points.auto_contrast, ImageOps.autocontrast),
    "equalize": (_points.equalize, ImageOps.equalize),
    "solarize": (lambda p: _points.solarize(p, 100.0), lambda i: ImageOps.solarize(i, 100)),
    "posterize": (lambda p: _points.posterize(p, 5), lambda i: ImageOps.posterize(i, 5)),
    "blur": (
        lambda p: _points.sharpen(p, tf.fill([len(p)], 0.3)),
        lambda i: ImageEnhance.Sharpness(i).enhance(0.3),
    ),
    "sharpen": (
        lambda p: _points.sharpen(p, tf.fill([len(p)], 1.7)),
        lambda i: ImageEnhance.Sharpness(i).enhance(1.7),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", BY_PILLOW)
@pytest.mark.parametrize("compiled", [False, True])
def test_a_change_of_levels_is_that_of_pillow(name, compiled):
    change, by_pillow = BY_PILLOW[name]
    images = np.concatenate([photographs(), np.full((1, 24, 30, 3), 77, np.uint8)])
    images[0] //= 3  # something to stretch
    changed = tf.function(change, jit_compile=compiled)(tf.constant(images)).numpy()
    for mine, image in zip(changed, images, strict=True):
        right = np.asarray(by_pillow(Image.fromarray(image)))
        # Pillow computes in doubles: a level may be cut off the other way.
        np.testing.assert_allclose(mine.astype(int), right, atol=1)
        assert (mine == right).mean() > 0.97


def only(monkeypatch, operation):
    """Every draw gives this operation, so that it can be looked at by itself."""
    monkeypatch.setattr(randaugment, "OPERATIONS", (operation,))
    original = randaugment._drawn

    def drawn(draw, number, wanted):
        return (
            original(draw, number, wanted)
            if wanted == operation
            else 0 * draw(f"randaugment {number}")
        )

    monkeypatch.setattr(randaugment, "_drawn", drawn)


@pytest.mark.parametrize(
    ("operation", "enhancer"),
    [
        ("colour", ImageEnhance.Color),
        ("contrast", ImageEnhance.Contrast),
        ("brightness", ImageEnhance.Brightness),
    ],
)
def test_a_change_of_colour_is_that_of_pillow_by_the_factor_of_its_magnitude(
    monkeypatch, operation, enhancer
):
    only(monkeypatch, operation)
    images = photographs()
    changed, _ = apply({"randaugment": 1, "randaugment_magnitude": 5.0}, images)
    seen = set()
    for mine, image in zip(changed, images, strict=True):
        enhanced = [np.asarray(enhancer(Image.fromarray(image)).enhance(f)) for f in (0.55, 1.45)]
        off = [np.abs(mine.astype(int) - right).max() for right in enhanced]
        assert min(off) <= 2
        seen.add(int(np.argmin(off)))
    assert seen == {0, 1}


@pytest.mark.parametrize(
    "operation", ["rotate", "shear_x", "shear_y", "translate_x", "translate_y"]
)
def test_a_move_takes_the_mask_along_by_the_amount_of_its_magnitude(monkeypatch, operation):
    only(monkeypatch, operation)
    images, masks = two_classes(count=8, height=28, width=28)
    changed, moved = apply({"randaugment": 1, "randaugment_magnitude": 10.0}, images, masks)
    matrices = {
        "rotate": [
            np.cos(np.pi / 6),
            -np.sin(np.pi / 6),
            0,
            np.sin(np.pi / 6),
            np.cos(np.pi / 6),
            0,
        ],
        "shear_x": [1, 0.3, 0, 0, 1, 0],
        "shear_y": [1, 0, 0, 0.3, 1, 0],
        "translate_x": [1, 0, 28 * 150 / 331, 0, 1, 0],
        "translate_y": [1, 0, 0, 0, 1, 28 * 150 / 331],
    }
    a, b, c, d, e, f = matrices[operation]
    v, u = np.mgrid[:28, :28] + 0.5 - 14
    right = []
    for sign in (-1, 1):
        if operation == "rotate":
            x, y = a * u + sign * b * v, sign * d * u + e * v
        else:
            x, y = a * u + sign * (b * v + c), e * v + sign * (d * u + f)
        inside = (abs(x) <= 14) & (abs(y) <= 14)
        columns, rows = (np.clip(np.floor(p + 14).astype(int), 0, 27) for p in (x, y))
        right.append((inside, rows, columns))
    signs = set()
    for mask, source in zip(moved[..., 0], masks[..., 0], strict=True):
        hits = [
            (np.where(inside, source[rows, columns], NO_CLASS) == mask).mean()
            for inside, rows, columns in right
        ]
        assert max(hits) > 0.98  # a pixel on the border of two may go either way
        signs.add(int(np.argmax(hits)))
    assert signs == {0, 1}
    np.testing.assert_array_equal(~changed.any(axis=-1), moved[..., 0] == NO_CLASS)


def test_the_fourteen_changes_are_drawn_evenly():
    assert len(randaugment.OPERATIONS) == 14
    uniform = tf.constant(np.linspace(0, 1, 1400, endpoint=False), tf.float32)
    for operation in randaugment.OPERATIONS:
        drawn = randaugment._drawn(lambda _: uniform, 0, operation)
        assert float(tf.reduce_sum(drawn)) == pytest.approx(100, abs=1)


@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_are_changed_in_their_own_ways_and_again_alike(channels):
    same = np.repeat(photographs(count=1)[..., :channels], 32, axis=0)
    first, _ = apply({"randaugment": 2}, same, step=3)
    assert len({picture.tobytes() for picture in first}) > 16
    np.testing.assert_array_equal(apply({"randaugment": 2}, same, step=3)[0], first)
    assert not np.array_equal(apply({"randaugment": 2}, same, step=4)[0], first)


@pytest.mark.slow
def test_xla_compiles_it_and_repeats_itself():
    images, masks = two_classes(count=4)
    compiled = tf.function(augmenter({"randaugment": 1}), jit_compile=True)
    step = tf.constant(5, tf.int64)
    changed, moved = compiled(images, masks, step)
    assert (changed.shape, changed.dtype) == (images.shape, tf.uint8)
    assert set(np.unique(moved)) <= {0, 1, NO_CLASS}
    np.testing.assert_array_equal(compiled(images, masks, step)[0], changed)


def test_without_changes_nothing_changes():
    images = photographs()
    np.testing.assert_array_equal(apply({"randaugment_magnitude": 3.0}, images)[0], images)
