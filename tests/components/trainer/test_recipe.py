"""The recipe of a training: each part against the same computation in NumPy."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from components.trainer.losses import Loss
from components.trainer.optimizer import build_optimizer
from components.trainer.preparation import prepare
from failures import Failure
from settings.training import Training
from tests.components.trainer.linear_classifier import (
    BATCH,
    CLASS_WEIGHTS,
    CLASSES,
    LABELS,
    RECIPES,
    TASKS,
    TWO_IMAGES,
    after_one_step,
    gradients,
    losses,
    mixer_of,
    plain_sgd,
    steps_of,
    targets_of,
    train,
    train_on_two_devices,
    weights_of,
)
from tests.components.trainer.staged_network import frozen_then_not
from tests.processes import start

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
def test_a_smoothed_loss_is_the_cross_entropy_with_smoothed_labels(smoothing):
    logits = np.random.default_rng(2).normal(0, 3, (BATCH, CLASSES)).astype(np.float32)
    loss = Loss(Training(label_smoothing=smoothing))
    found = loss.judge(tf.constant(logits), tf.constant(LABELS)).losses.numpy()
    np.testing.assert_allclose(found, losses(logits, LABELS, smoothing), atol=1e-5)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_a_step_follows_the_gradient_of_the_smoothed_labels(smoothing):
    steps = steps_of(plain_sgd(label_smoothing=smoothing))
    before = weights_of(steps)
    train(steps)
    expected = after_one_step(before, gradients(*before, smoothing))
    for mine, right in zip(weights_of(steps), expected, strict=True):
        np.testing.assert_allclose(mine, right, atol=1e-5)


@pytest.mark.parametrize(
    ("limit", "precision"), [(0.05, "float32"), (0.05, "mixed_float16"), (100.0, "float32")]
)
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


@pytest.fixture(scope="module")
def on_two_devices(tmp_path_factory):
    """What `train_on_two_devices` prints, in one process."""
    log = tmp_path_factory.mktemp("two") / "log"
    assert start(train_on_two_devices, log=log).wait(240) == 0, log.read_text()[-2000:]
    return json.loads(log.read_text().splitlines()[-1])


@pytest.mark.parametrize("recipe", RECIPES)
def test_two_devices_and_xla_train_as_one_device_does(recipe, on_two_devices):
    trained = []
    for xla in (False, True):
        training = plain_sgd(**RECIPES[recipe])
        keys = {"mixer": mixer_of(training), "task": TASKS.get(recipe, "classification")}
        steps = steps_of(training, xla=xla, class_weights=CLASS_WEIGHTS, **keys)
        train(steps, 3, (TWO_IMAGES, targets_of(recipe)))
        with steps.averaged():
            trained.append(weights_of(steps))
    one, compiled = trained
    for mine, xla, two in zip(one, compiled, on_two_devices[recipe], strict=True):
        np.testing.assert_allclose(xla, mine, atol=1e-5)
        np.testing.assert_allclose(two, mine, atol=1e-5)


def test_two_devices_freeze_and_train_each_stage_as_one_device_does(on_two_devices):
    found = frozen_then_not(tf.distribute.get_strategy())
    for mine, two in zip(found, on_two_devices["frozen, by stage"], strict=True):
        np.testing.assert_allclose(two, mine, atol=1e-5)


def test_a_float16_step_that_overflows_on_one_device_is_left_out_on_all(on_two_devices):
    reported = on_two_devices["overflow on one"]
    assert reported["counted"] == 3
    assert reported["scale"] == 125
    assert reported["kept"] == [True] * 4


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


def test_weight_decay_leaves_normalisation_out():
    trained = {}
    for decay in (0.0, 0.5):
        steps = steps_of(plain_sgd(weight_decay=decay), normalised=True)
        train(steps)
        trained[decay] = weights_of(steps)
    for plain, decayed in zip(*trained.values(), strict=True):
        assert np.array_equal(plain, decayed) == (plain.ndim == 1)


def rates(schedule: str, epochs: int, steps_per_epoch: int = 10, **keys) -> np.ndarray:
    training = Training(schedule=schedule, epochs=epochs, learning_rate=1.0, **keys)
    rate = build_optimizer(training, steps_per_epoch)._learning_rate
    steps = range(epochs * steps_per_epoch)
    return np.array([float(rate(step)) if callable(rate) else float(rate) for step in steps])


def test_the_step_schedule_falls_after_half_and_three_quarters_of_the_epochs():
    found = rates("step", epochs=8)
    np.testing.assert_allclose(found, np.repeat([1.0, 0.1, 0.01], [40, 20, 20]), rtol=1e-5)


def test_the_cosine_schedule_warms_up_over_the_first_epoch_and_then_falls_to_0():
    steps = np.arange(50)
    warming = 0.1 + 0.9 * steps / 10
    falling = (1 + np.cos(np.pi * (steps - 10) / 40)) / 2
    expected = np.where(steps < 10, warming, falling)
    np.testing.assert_allclose(rates("cosine", epochs=5), expected, atol=1e-6)


def test_the_one_cycle_schedule_rises_for_three_tenths_and_then_falls_to_0():
    steps = np.arange(100)
    rising = 1 / 25 + (1 - 1 / 25) * steps / 30
    falling = (1 + np.cos(np.pi * (steps - 30) / 70)) / 2
    expected = np.where(steps < 30, rising, falling)
    np.testing.assert_allclose(rates("one_cycle", epochs=10), expected, atol=1e-6)


@pytest.mark.parametrize("schedule", ["cosine", "one_cycle", "step", "constant"])
def test_every_schedule_rises_over_the_epochs_that_are_given_and_then_goes_on(schedule):
    first = 1 / 25 if schedule == "one_cycle" else 0.1
    found = rates(schedule, epochs=8, warmup_epochs=1.5)
    np.testing.assert_allclose(found[:15], first + (1 - first) * np.arange(15) / 15, atol=1e-6)
    after = {
        "step": np.repeat([1.0, 0.1, 0.01], [25, 20, 20]),
        "constant": np.ones(65),
    }.get(schedule, (1 + np.cos(np.pi * np.arange(65) / 65)) / 2)
    np.testing.assert_allclose(found[15:], after, atol=1e-6)


@pytest.mark.parametrize("schedule", ["cosine", "one_cycle", "step", "constant"])
def test_a_schedule_that_is_not_to_warm_up_begins_with_the_whole_rate(schedule):
    assert rates(schedule, epochs=4, warmup_epochs=0)[0] == 1


@pytest.mark.parametrize("schedule", ["cosine", "one_cycle", "step", "constant"])
@pytest.mark.parametrize("epochs", [1, 2, 3])
def test_every_schedule_is_positive_from_the_first_step_on(schedule, epochs):
    found = rates(schedule, epochs)
    assert (found[:-1] > 0).all()
    assert np.isfinite(found).all()


def test_more_parts_than_a_device_has_images_are_refused_in_one_line():
    two = SimpleNamespace(strategy=SimpleNamespace(num_replicas_in_sync=2))
    training = Training.of(batch_size=4, gradient_accumulation=4)
    with pytest.raises(Failure, match="given 4 for batch_size 4 on 2 devices; allowed: at most 2"):
        prepare(training, None, None, None, None, None, None, devices=two)
