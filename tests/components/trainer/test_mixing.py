"""Mixup and cutmix against the same computation in NumPy, from the same draws."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats
from scipy.special import log_softmax, softmax

from components.trainer.mixing import Mixer, beta
from settings.training import Training
from tests.components.trainer.linear_classifier import (
    BATCH,
    CLASS_WEIGHTS,
    CLASSES,
    IMAGES,
    LABELS,
    after_one_step,
    plain_sgd,
    steps_of,
    train,
    weights_of,
)

RECIPES = {
    "mixup": {"mixup": 0.4},
    "cutmix": {"cutmix": 1.0},
    "both": {"mixup": 0.4, "cutmix": 1.0},
}
SEED = 5


def draws_of(mixer: Mixer, size: int = BATCH, step: int = 0) -> np.ndarray:
    return mixer.draws(tf.constant(size), tf.constant(step, tf.int64), tf.constant(0)).numpy()


def mixed(images, labels, draws, mixup=0.0, cutmix=0.0):
    """The reference: images, partners and what is left of each own picture."""
    partners = np.minimum(np.arange(len(images)) ^ 1, len(images) - 1)
    result, left = images.copy(), np.ones(len(images))
    height, width = images.shape[1:3]
    for i, (chosen, share, y, x) in enumerate(draws.astype(np.float64)):
        other = images[partners[i]]
        if cutmix and (not mixup or chosen < 0.5):
            side = np.sqrt(1 - stats.beta.ppf(share, cutmix, cutmix))
            half_y, half_x = int(side * height) // 2, int(side * width) // 2
            top, low = int(y * height) - half_y, int(y * height) + half_y
            start, end = int(x * width) - half_x, int(x * width) + half_x
            box = np.s_[max(top, 0) : max(low, 0), max(start, 0) : max(end, 0)]
            inside = np.zeros((height, width), bool)
            inside[box] = True
            result[i][inside] = other[inside]
            left[i] = 1 - inside.mean()
        else:
            part = stats.beta.ppf(share, mixup, mixup)
            part = max(part, 1 - part)
            mix = part * images[i].astype(float) + (1 - part) * other
            result[i] = np.rint(mix).astype(np.uint8)
            left[i] = part
    return result, partners, left


def photographs(count=6, height=17, width=23) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (count, height, width, 3)).astype(np.uint8)


@pytest.mark.parametrize("keys", RECIPES.values(), ids=RECIPES)
@pytest.mark.parametrize("step", [0, 1, 7])
def test_pictures_and_labels_are_mixed_as_their_papers_say(keys, step):
    mixer = Mixer(Training(**keys), SEED)
    images, labels = photographs(), np.arange(6)
    draws = draws_of(mixer, step=step)
    found, answers = mixer(tf.constant(images), tf.constant(labels), None, tf.constant(draws))
    expected, partners, left = mixed(images, labels, draws, **keys)
    # A share that the table of quantiles rounds may turn one level of a pixel.
    np.testing.assert_allclose(found.numpy().astype(int), expected, atol=1)
    (own, share), (other, rest) = answers
    np.testing.assert_array_equal(own, labels)
    np.testing.assert_array_equal(other, labels[partners])
    np.testing.assert_allclose(share, left, atol=2e-4)
    np.testing.assert_allclose(share + rest, np.ones(6), atol=1e-6)
    if "mixup" in keys and "cutmix" not in keys:
        assert share.numpy().min() >= 0.5


def test_cutmix_cuts_masks_with_their_pictures_and_takes_the_weights_along():
    images = photographs()
    masks = images[..., :1] // 64
    weights = np.arange(1, 7, dtype=np.float32)
    mixer = Mixer(Training(cutmix=1.0), SEED)
    found, [(ids, of_pixels)] = mixer(
        tf.constant(images), tf.constant(masks), tf.constant(weights), tf.constant(draws_of(mixer))
    )
    assert (found.numpy() != images).any()
    np.testing.assert_array_equal(ids, found.numpy()[..., 0] // 64)
    from_others = (found.numpy() != images).any(-1)
    of_others = weights[np.arange(6) ^ 1][:, None, None]
    expected = np.where(from_others, of_others, weights[:, None, None])
    assert np.mean(of_pixels.numpy() == expected) > 0.98  # the same colour may stand in both


def test_the_last_of_an_odd_batch_stays_as_it_is():
    mixer = Mixer(Training(cutmix=1.0), SEED)
    images = photographs(count=5)
    draws = tf.constant(draws_of(mixer, 5))
    found, [_, (others, _)] = mixer(tf.constant(images), tf.constant(np.arange(5)), None, draws)
    np.testing.assert_array_equal(found[4], images[4])
    assert others.numpy().tolist() == [1, 0, 3, 2, 4]


def test_the_devices_draw_together_what_one_draws():
    mixer = Mixer(Training(mixup=0.2), SEED)
    parts = [
        mixer.draws(tf.constant(3), tf.constant(4, tf.int64), tf.constant(device)).numpy()
        for device in (0, 1)
    ]
    np.testing.assert_array_equal(np.concatenate(parts), draws_of(mixer, 6, step=4))
    assert not np.array_equal(draws_of(mixer, 6, step=4), draws_of(mixer, 6, step=5))


def test_draws_are_even_and_alike_with_xla_and_without():
    mixer = Mixer(Training(mixup=0.2), SEED)
    compiled = tf.function(mixer.draws, jit_compile=True)
    steps = [tf.constant(step, tf.int64) for step in range(40)]
    size, device = tf.constant(256), tf.constant(0)
    found = np.stack([mixer.draws(size, step, device) for step in steps])  # (steps, pictures, 4)
    np.testing.assert_array_equal(found[3], compiled(size, steps[3], device))
    assert found.min() >= 0
    assert found.max() < 1
    for column in (*found.reshape(-1, 4).T, *np.moveaxis(found, 0, -1).reshape(-1, 40)[:8]):
        counts = np.histogram(column, 8, (0, 1))[0]
        assert stats.chisquare(counts).pvalue > 1e-4
    assert np.abs(np.corrcoef(found.reshape(-1, 4).T) - np.eye(4)).max() < 0.03


@pytest.mark.parametrize("alpha", [0.2, 0.4, 1.0, 2.0])
def test_shares_are_distributed_as_beta(alpha):
    uniform = np.random.default_rng(1).random(20_000).astype(np.float32)
    found = beta(alpha, tf.constant(uniform)).numpy()
    assert found.mean() == pytest.approx(0.5, abs=0.01)
    assert found.var() == pytest.approx(1 / (8 * alpha + 4), rel=0.02)
    np.testing.assert_allclose(found, stats.beta.ppf(uniform, alpha, alpha), atol=5e-3)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("recipe", "xla"), [("mixup", False), ("cutmix", False), ("both", False), ("both", True)]
)
def test_a_step_follows_the_gradient_of_the_mixed_labels(recipe, xla):
    training = plain_sgd(**RECIPES[recipe])
    mixer = Mixer(training, SEED)
    steps = steps_of(training, xla=xla, mixer=mixer, class_weights=CLASS_WEIGHTS)
    kernel, bias = before = weights_of(steps)
    train(steps)
    images, answers = mixer(
        tf.constant(IMAGES), tf.constant(LABELS), None, tf.constant(draws_of(mixer))
    )
    pixels = images.numpy().reshape(BATCH, -1) / 255
    logits = pixels @ kernel + bias
    off, losses = np.zeros((BATCH, CLASSES)), 0.0
    for labels, share in answers:
        labels = labels.numpy()
        weights = share.numpy() * np.array(CLASS_WEIGHTS)[labels] * (labels >= 0)
        off += weights[:, None] * (softmax(logits, -1) - np.eye(CLASSES)[labels]) / BATCH
        losses -= (weights * log_softmax(logits, -1)[np.arange(BATCH), labels]).sum()
    expected = after_one_step(before, [pixels.T @ off, off.sum(0)])
    for mine, right in zip(weights_of(steps), expected, strict=True):
        np.testing.assert_allclose(mine, right, atol=1e-5)
    assert steps.training.totals().loss == pytest.approx(losses, abs=1e-4)
