"""The moving average of the weights and gradient accumulation, against NumPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.trainer.optimizer import build_optimizer
from components.trainer.training_step import Steps
from settings.training import Training
from tests.components.trainer.linear_classifier import (
    BATCH,
    IMAGES,
    SIDE,
    plain_sgd,
    steps_of,
    train,
    weights_of,
)

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("decay", [0.3, 0.999])
def test_the_average_is_that_of_its_definition_and_only_in_place_meanwhile(decay):
    steps = steps_of(plain_sgd(ema_decay=decay))
    average = weights_of(steps)
    for number in range(1, 6):
        train(steps)
        kept = min(decay, (1 + number) / (10 + number))
        pairs = zip(average, weights_of(steps), strict=True)
        average = [kept * old + (1 - kept) * new for old, new in pairs]
    last = weights_of(steps)
    with steps.averaged():
        for mine, right in zip(weights_of(steps), average, strict=True):
            np.testing.assert_allclose(mine, right, atol=1e-5)
    for mine, right in zip(weights_of(steps), last, strict=True):
        np.testing.assert_array_equal(mine, right)


def normalised(training: Training, **keys) -> Steps:
    """A network with batch normalisation, whose statistics are not trained weights."""
    keras.utils.set_random_seed(3)
    images = keras.Input((SIDE, SIDE, 1), dtype="uint8")
    pixels = keras.layers.Rescaling(1 / 255)(images)
    features = keras.layers.BatchNormalization(momentum=0.5)(pixels)
    logits = keras.layers.Dense(4)(keras.layers.Flatten()(features))
    optimizer = build_optimizer(training, 10)
    model = keras.Model(images, logits)
    return Steps(model, optimizer, training, tf.distribute.get_strategy(), **keys)


def test_the_statistics_of_batch_normalisation_are_averaged_too():
    steps = normalised(plain_sgd(ema_decay=0.999))
    layer = next(layer for layer in steps.model.layers if "normalization" in layer.name)
    train(steps, 2)
    moved = layer.moving_mean.numpy()
    with steps.averaged():
        assert not np.allclose(layer.moving_mean.numpy(), moved)
    np.testing.assert_array_equal(layer.moving_mean.numpy(), moved)


@pytest.fixture(scope="module")
def whole():
    """Steps that have trained thrice on a whole batch."""
    steps = steps_of(plain_sgd(gradient_clip_norm=0.05))
    train(steps, 3)
    return steps


@pytest.mark.parametrize(("parts", "xla"), [(2, False), (3, False), (6, False), (3, True)])
def test_a_step_in_parts_is_the_step_of_the_whole_batch(whole, parts, xla):
    steps = steps_of(plain_sgd(gradient_accumulation=parts, gradient_clip_norm=0.05), xla=xla)
    train(steps, 3)
    for mine, right in zip(weights_of(steps), weights_of(whole), strict=True):
        np.testing.assert_allclose(mine, right, atol=1e-5)
    np.testing.assert_allclose(
        steps.training.variable.numpy(), whole.training.variable.numpy(), atol=1e-4
    )
    np.testing.assert_allclose(steps.training.class_sums(), whole.training.class_sums(), atol=1e-4)


def test_each_part_is_normalised_by_itself_one_after_the_other():
    steps = normalised(plain_sgd(gradient_accumulation=2))
    layer = next(layer for layer in steps.model.layers if "normalization" in layer.name)
    train(steps)
    pixels = IMAGES / 255
    mean = 0.0
    for part in (pixels[: BATCH // 2], pixels[BATCH // 2 :]):
        mean = 0.5 * mean + 0.5 * part.mean()
    np.testing.assert_allclose(layer.moving_mean.numpy(), [mean], atol=1e-5)
