"""Mixed precision, XLA and several steps a call: faster computations of the same training."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.trainer.devices import Devices, choose
from components.trainer.optimizer import build_optimizer
from components.trainer.training_step import Steps
from settings.training import Training

pytestmark = pytest.mark.slow

SHAPE = (4, 4, 1)


def small_steps(precision: str, parameters: Training, xla: bool) -> Steps:
    parameters = parameters.model_copy(update={"batch_size": 4})
    devices = Devices(tf.distribute.get_strategy(), precision=precision)
    with devices.strategy.scope(), devices.policy():
        images = keras.Input(SHAPE, dtype="uint8")
        pixels = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(images))
        hidden = keras.layers.Dense(8)(pixels)
        model = keras.Model(images, keras.layers.Dense(3, dtype="float32")(hidden))
        optimizer = build_optimizer(parameters, steps_per_epoch=10, precision=precision)
        return Steps(model, optimizer, parameters, devices.strategy, xla=xla)


with_xla_and_without = pytest.mark.parametrize("xla", [False, True])


def weights_of(steps: Steps) -> list[np.ndarray]:
    return [weight.numpy() for weight in steps.model.trainable_variables]


@pytest.fixture
def batch():
    images = np.random.default_rng(1).integers(0, 256, (4, *SHAPE)).astype(np.uint8)
    return tf.constant(images), tf.constant([0, 1, 2, 1], tf.int64)


@pytest.fixture
def one_step(batch):
    def step(steps: Steps) -> None:
        spec = tuple(tf.TensorSpec([None, *part.shape[1:]], part.dtype) for part in batch)
        steps.compile_training(spec)([batch])

    return step


@with_xla_and_without
def test_a_float16_step_whose_gradients_overflow_changes_nothing_and_is_not_a_divergence(
    one_step, xla
):
    steps = small_steps("mixed_float16", Training(), xla)
    too_large = 2.0**126
    steps.optimizer.dynamic_scale.assign(too_large)
    before = weights_of(steps)
    one_step(steps)
    for left, right in zip(weights_of(steps), before, strict=True):
        np.testing.assert_array_equal(left, right)
    assert steps.optimizer.dynamic_scale.numpy() == too_large / 2
    assert steps.training.totals().counted == 4
    assert steps.training.totals().broken_steps == 0


@with_xla_and_without
def test_enlarged_losses_do_not_enlarge_a_step(one_step, xla):
    moved = []
    for scale in (2.0**6, 2.0**10):
        keras.utils.set_random_seed(5)
        # SGD, as Adam's steps are as long whatever the gradients' scale.
        steps = small_steps("mixed_float16", Training(optimizer="sgd"), xla)
        steps.optimizer.dynamic_scale.assign(scale)
        before = weights_of(steps)
        one_step(steps)
        moved.append([a - b for a, b in zip(weights_of(steps), before, strict=True)])
    for left, right in zip(*moved, strict=True):
        assert np.abs(left).max() > 0
        # Half precision keeps three digits of a gradient.
        np.testing.assert_allclose(left, right, atol=2e-3 * np.abs(left).max())


def test_a_cpu_computes_in_float32_by_default():
    assert choose(Training(), {}).precision == "float32"
    assert choose(Training(precision="mixed_bfloat16"), {}).precision == "mixed_bfloat16"


@pytest.fixture(scope="module")
def mixed(digits, train_once, tmp_path_factory):
    folder = tmp_path_factory.mktemp("mixed")
    return train_once(digits.inputs, folder, precision="mixed_bfloat16")


def test_in_bfloat16_a_training_ends_about_as_accurate(mixed, trained):
    accuracy = [run.history["epochs"][-1]["validation_accuracy"] for run in (mixed, trained)]
    assert accuracy[0] == pytest.approx(accuracy[1], abs=0.06)
    assert mixed.history["devices"] == "1 CPU, mixed_bfloat16"
    assert "mixed_bfloat16" in mixed.model_run.get_string_custom_property("summary")


def test_mixed_precision_does_not_outlast_the_training(mixed):
    assert keras.config.dtype_policy().name == "float32"


def test_a_model_trained_in_mixed_precision_is_served_in_float32(mixed, digits):
    expected = json.loads(Path(mixed.model.uri, "expected_answers.json").read_text())["answers"]
    serving = mixed.load().signatures["serve_examples"]
    served = serving(examples=tf.constant(digits.records("test")[:40]))["probabilities"].numpy()
    for answer in expected.values():
        assert np.abs(served - np.array(answer)).max(axis=1).min() < 1e-5
    assert {weight.dtype for weight in mixed.weights()} == {np.dtype(np.float32)}


def test_several_steps_a_call_end_with_the_same_weights_as_one_by_one(trained, train_in, tmp_path):
    # 15 steps an epoch: seven calls of two, and one of one.
    folder = tmp_path / "checkpoints"
    several = train_in(
        "several",
        steps_per_execution=2,
        checkpoint_dir=folder,
        checkpoint_every_steps=5,
        input_report={},
    )
    np.testing.assert_allclose(several.metrics, trained.metrics, rtol=1e-4)
    for left, right in zip(several.weights(), trained.weights(), strict=True):
        np.testing.assert_allclose(left, right, atol=1e-4)


@pytest.mark.slow
def test_compiled_with_xla_a_training_has_the_same_losses(trained, train_in):
    compiled = train_in("xla", xla="on")
    np.testing.assert_allclose(compiled.metrics, trained.metrics, rtol=1e-3)
    assert compiled.history["devices"] == "1 CPU, float32, XLA"
