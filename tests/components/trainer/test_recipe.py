"""The recipe of a training: each part against the same computation in NumPy."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import log_softmax, softmax

from components.trainer import tallies
from components.trainer.devices import Devices, distributed
from components.trainer.training_step import Steps, build_optimizer
from settings.training import Training
from tests.processes import start

pytestmark = pytest.mark.slow

SIDE, CLASSES, BATCH = 3, 4, 6
IMAGES = np.random.default_rng(1).integers(0, 256, (BATCH, SIDE, SIDE, 1)).astype(np.uint8)
LABELS = np.array([0, 1, 2, 3, 1, -1])


def steps_of(training: Training, precision: str = "float32", strategy=None) -> Steps:
    """A linear classifier, whose gradients NumPy knows."""
    devices = Devices(strategy or tf.distribute.get_strategy(), precision=precision)
    keras.utils.set_random_seed(3)
    with devices.strategy.scope(), devices.policy():
        images = keras.Input((SIDE, SIDE, 1), dtype="uint8")
        pixels = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255, dtype="float32")(images))
        logits = keras.layers.Dense(CLASSES, dtype="float32", bias_initializer="ones")(pixels)
        optimizer = build_optimizer(training, 10, precision)
        return Steps(keras.Model(images, logits), optimizer, training, devices.strategy)


def train(steps: Steps, count: int = 1) -> None:
    batch = (tf.constant(IMAGES), tf.constant(LABELS, tf.int64))
    spec = tuple(tf.TensorSpec([None, *part.shape[1:]], part.dtype) for part in batch)
    step = steps.compile_training(spec)
    for _ in range(count):
        step([batch])


def weights_of(steps: Steps) -> list[np.ndarray]:
    return [weight.numpy().astype(np.float64) for weight in steps.model.trainable_variables]


def gradients(kernel: np.ndarray, bias: np.ndarray, smoothing: float = 0.0) -> list[np.ndarray]:
    """Of the mean over the batch; an example without a class adds nothing."""
    pixels = IMAGES.reshape(BATCH, -1) / 255
    wanted = np.eye(CLASSES)[LABELS] * (1 - smoothing) + smoothing / CLASSES
    off = (softmax(pixels @ kernel + bias, -1) - wanted) * (LABELS >= 0)[:, None] / BATCH
    return [pixels.T @ off, off.sum(0)]


def plain_sgd(**keys) -> Training:
    return Training(
        batch_size=BATCH, optimizer="sgd", schedule="constant", learning_rate=0.1, **keys
    )


def after_one_step(before, found, rate=0.1):
    """Nesterov's first step goes 1.9 times the gradient's way."""
    return [weight - 1.9 * rate * gradient for weight, gradient in zip(before, found, strict=True)]


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
def test_a_smoothed_loss_is_the_cross_entropy_with_smoothed_labels(smoothing):
    logits = np.random.default_rng(2).normal(0, 3, (BATCH, CLASSES)).astype(np.float32)
    found = tallies.losses(tf.constant(logits), tf.constant(LABELS), smoothing).numpy()
    wanted = np.eye(CLASSES)[LABELS] * (1 - smoothing) + smoothing / CLASSES
    expected = -(wanted * log_softmax(logits, -1)).sum(-1) * (LABELS >= 0)
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_a_step_follows_the_gradient_of_the_smoothed_labels(smoothing):
    steps = steps_of(plain_sgd(label_smoothing=smoothing))
    before = weights_of(steps)
    train(steps)
    expected = after_one_step(before, gradients(*before, smoothing))
    for mine, right in zip(weights_of(steps), expected, strict=True):
        np.testing.assert_allclose(mine, right, atol=1e-5)


@pytest.mark.parametrize("precision", ["float32", "mixed_float16"])
@pytest.mark.parametrize("limit", [0.05, 100.0])
def test_gradients_together_are_no_longer_than_the_limit(limit, precision):
    steps = steps_of(plain_sgd(gradient_clip_norm=limit), precision)
    before = weights_of(steps)
    found = gradients(*before)
    length = np.sqrt(sum((gradient**2).sum() for gradient in found))
    assert 0.05 < length < 100
    train(steps)
    shortened = [gradient * min(1.0, limit / length) for gradient in found]
    for mine, right in zip(weights_of(steps), after_one_step(before, shortened), strict=True):
        np.testing.assert_allclose(mine, right, atol=1e-5)


def shorten_on_two_devices() -> None:
    """Prints the weights that three steps on two devices give."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    steps = steps_of(plain_sgd(gradient_clip_norm=0.05), strategy=strategy)
    dataset = tf.data.Dataset.from_tensors((IMAGES, LABELS)).repeat()
    batches = distributed(dataset, Devices(strategy))
    step, fed = steps.compile_training(batches.element_spec), iter(batches)
    for _ in range(3):
        step([next(fed)])
    print(json.dumps([weight.tolist() for weight in weights_of(steps)]))


def test_two_devices_shorten_the_gradients_as_one_does(tmp_path):
    log = tmp_path / "log"
    assert start(shorten_on_two_devices, log=log).wait(120) == 0, log.read_text()[-2000:]
    two = json.loads(log.read_text().splitlines()[-1])
    steps = steps_of(plain_sgd(gradient_clip_norm=0.05))
    train(steps, 3)
    for one, other in zip(weights_of(steps), two, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
def test_weight_decay_shrinks_matrices_and_leaves_biases_out(optimizer):
    trained = {}
    for decay in (0.0, 0.5):
        keys = plain_sgd(weight_decay=decay).model_copy(update={"optimizer": optimizer})
        steps = steps_of(keys)
        before = weights_of(steps)
        train(steps)
        trained[decay] = weights_of(steps)
    taken = trained[0.0][0] - trained[0.5][0]
    np.testing.assert_allclose(taken, 0.1 * 0.5 * before[0], atol=1e-5)
    np.testing.assert_array_equal(trained[0.0][1], trained[0.5][1])


def rates(schedule: str, epochs: int, steps_per_epoch: int = 10) -> np.ndarray:
    training = Training(schedule=schedule, epochs=epochs, learning_rate=1.0)
    rate = build_optimizer(training, steps_per_epoch)._learning_rate
    steps = range(epochs * steps_per_epoch)
    return np.array([float(rate(step)) if callable(rate) else float(rate) for step in steps])


def test_the_step_schedule_falls_after_half_and_three_quarters_of_the_epochs():
    found = rates("step", epochs=8)
    np.testing.assert_allclose(found, np.repeat([1.0, 0.1, 0.01], [40, 20, 20]), rtol=1e-5)


def test_the_one_cycle_schedule_rises_for_three_tenths_and_then_falls_to_0():
    found = rates("one_cycle", epochs=10)
    assert found[0] == pytest.approx(1 / 25)
    assert found.argmax() == 30
    assert found.max() == pytest.approx(1.0)
    assert (np.diff(found[:31]) > 0).all()
    assert (np.diff(found[30:]) < 0).all()
    assert found[-1] < 0.01


@pytest.mark.parametrize("schedule", ["cosine", "one_cycle", "step", "constant"])
@pytest.mark.parametrize("epochs", [1, 2, 3])
def test_every_schedule_is_positive_from_the_first_step_on(schedule, epochs):
    found = rates(schedule, epochs)
    assert (found[:-1] > 0).all()
    assert np.isfinite(found).all()
