"""Frozen layers, and layers that learn at rates of their own."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from cli.command_line import main
from components.trainer.checkpoints import Checkpoints
from components.trainer.freezing import Freezing
from components.trainer.input_report.report import InputReport
from components.trainer.stages import body, stages_of
from components.trainer.training_step import Steps
from failures import Failure
from settings.training import Training
from settings.training_input import InputReport as Limits
from tests.components.trainer.conftest import ONE_BLOCK
from tests.components.trainer.linear_classifier import SIDE, train
from tests.components.trainer.staged_network import RATE, steps_of
from tests.components.trainer.test_resume import Kept


def weights_of(steps: Steps) -> dict[str, np.ndarray]:
    """Of every layer all weights and statistics, in one row."""
    return {
        layer.name: np.concatenate([weight.numpy().ravel() for weight in layer.weights])
        for layer in steps.model.layers
        if layer.weights
    }


def moved(steps: Steps, count: int, **keys) -> dict[str, float]:
    """How far each layer's weights went at most in so many steps."""
    before = weights_of(steps)
    train(steps, count, **keys)
    return {name: np.abs(now - before[name]).max() for name, now in weights_of(steps).items()}


@pytest.mark.slow
@pytest.mark.parametrize("xla", [False, True])
def test_frozen_layers_keep_weights_and_statistics_to_the_bit_until_they_are_unfrozen(xla):
    steps = steps_of(xla=xla, optimizer="adamw", weight_decay=0.1, ema_decay=0.9, freeze_epochs=1)
    frozen = moved(steps, 3, frozen=True)
    assert frozen["classifier"] > 0
    assert frozen["first"] == frozen["normal"] == frozen["second"] == 0
    with steps.averaged():
        averaged = weights_of(steps)
    assert all((averaged[name] == weights_of(steps)[name]).all() for name in ("first", "normal"))
    assert min(moved(steps, 1, frozen=False).values()) > 0


@pytest.mark.slow
def test_frozen_layers_are_normalised_by_their_statistics():
    steps = steps_of(freeze_epochs=1)
    evaluated = steps.model(tf.zeros([1, SIDE, SIDE, 1], tf.uint8), training=False)
    with steps.freezing.applied(True):
        trained = steps.model(tf.zeros([1, SIDE, SIDE, 1], tf.uint8), training=True)
    np.testing.assert_array_equal(trained, evaluated)
    assert all(layer.trainable for layer in steps.model.layers)


class Block(keras.layers.Layer):
    """A user's layer of three, of which it keeps one, and a bias of another, as they are."""

    def __init__(self):
        super().__init__()
        self.kept, self.first, self.last = (keras.layers.Dense(3) for _ in range(3))

    def build(self, shape):
        for layer in (self.kept, self.first, self.last):
            layer.build((*shape[:-1], 3))
        self.kept.trainable = self.first.bias.trainable = False

    def call(self, features):
        return self.last(self.kept(self.first(features)))


def test_what_user_code_has_frozen_stays_so_after_the_frozen_epochs():
    features = keras.Input((3,))
    model = keras.Model(features, keras.layers.Dense(4, name="classifier")(Block()(features)))
    learning = [variable.path for variable in model.trainable_variables]
    freezing = Freezing(model, Training(freeze_epochs=1))
    with freezing.applied(True):
        assert len(model.trainable_variables) == 2
    assert [variable.path for variable in model.trainable_variables] == learning
    assert len(learning) == 2 + 1 + 2


def test_a_training_freezes_up_to_a_layer_by_its_name():
    steps = steps_of(freeze_epochs=10, freeze_to="normal")
    assert [layer.name for layer in steps.freezing.layers][-2:] == ["first", "normal"]
    assert steps.freezing.for_good
    with pytest.raises(Failure, match=r"given 'norm', which is not a layer.*did you mean normal"):
        steps_of(freeze_epochs=1, freeze_to="norm")
    with pytest.raises(Failure, match="no layer is left to train; allowed: one before classifier"):
        steps_of(freeze_epochs=1, freeze_to="classifier")


def test_the_stages_of_a_model_end_where_its_features_shrink():
    layers = body(steps_of().model)
    stages = dict(zip([layer.name for layer in layers], stages_of(layers), strict=True))
    assert (stages["first"], stages["normal"], stages["second"]) == (0, 0, 1)


@pytest.mark.slow
def test_each_stage_learns_at_its_share_of_the_rate_weight_decay_included():
    plain = steps_of(weight_decay=0.2)
    slower = steps_of(weight_decay=0.2, layer_decay=0.5)
    before = weights_of(plain)
    for steps in (plain, slower):
        train(steps)
    full, found = weights_of(plain), weights_of(slower)
    count = {"first": 20, "second": 68, "classifier": 68}  # without statistics
    for name, share in (("first", 0.25), ("second", 0.5), ("classifier", 1.0)):
        there = slice(0, count[name])
        wanted = share * (full[name] - before[name])[there]
        np.testing.assert_allclose((found[name] - before[name])[there], wanted, atol=1e-6)


@pytest.mark.slow
def test_adams_first_step_after_the_frozen_ones_is_as_long_as_its_first_of_all():
    steps = steps_of(steps_per_epoch=50, optimizer="adam", freeze_epochs=1)
    train(steps, 50, frozen=True)
    # Adam begins with steps of the learning rate; without correction this would be 3.1 of them.
    assert moved(steps, 1, frozen=False)["first"] == pytest.approx(RATE, rel=0.01)


@pytest.mark.slow
def test_killed_in_its_frozen_epochs_a_training_ends_with_the_same_weights(train_digits, tmp_path):
    keys = {"freeze_epochs": 2, "layer_decay": 0.5, "epochs": 3, "optimizer": "adam"}
    whole = train_digits(Kept(tmp_path), tmp_path / "whole", **keys)
    kept = {step: Checkpoints(str(tmp_path / str(step)), None, 1e9).read() for step in (1, 30, 31)}
    count = len(whole.model.variables)
    same = {
        step: [
            np.array_equal(one, two)
            for one, two in zip(kept[1].variables[:count], kept[step].variables, strict=False)
        ]
        for step in (30, 31)
    }
    assert same[30] == [True] * (count - 2) + [False, False]  # all but the classifier
    assert not any(same[31])
    resumed = train_digits(Checkpoints(str(tmp_path / "22"), None, 1e9), tmp_path / "log", **keys)
    assert resumed.resumed_at_step == 22
    for left, right in zip(resumed.model.variables, whole.model.variables, strict=True):
        np.testing.assert_allclose(left.numpy(), right.numpy(), atol=1e-5)


@pytest.mark.slow
def test_the_step_compiled_after_the_frozen_epochs_is_told_from_those_that_only_compute(
    train_digits, tmp_path
):
    found = InputReport(Limits())
    keys = {"freeze_epochs": 1, "epochs": 3, "input_report": found}
    train_digits(Checkpoints(None, None, 1e9), tmp_path, **keys)
    calls = found.times.calls()
    assert calls.step[calls.compiled].tolist() == [1, 16]


@pytest.mark.slow
def test_a_trial_that_begins_with_random_weights_freezes_none_of_them(train_in):
    keys = {"model": ONE_BLOCK, "epochs": 1}
    frozen, plain = train_in("frozen", freeze_epochs=1, **keys), train_in("plain", **keys)
    for one, other in zip(frozen.weights(), plain.weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_check_finds_that_a_network_lacks_the_layer(capfd):
    keras.utils.clear_session()  # Its layers are numbered from the first one on.
    words = ["check", "--config", "configs/digits.yaml", "--set", "model.weights=s3://models/1"]

    def checked(layer: str) -> tuple[int, str]:
        keys = f"training={{freeze_epochs: 1, freeze_to: {layer}}}"
        return main([*words, "--set", keys]), capfd.readouterr().err

    code, said = checked("conv")
    assert code == 2
    assert said.startswith("configs/digits.yaml: training.freeze_to: given 'conv', which is not ")
    assert said.count("\n") == 1
    keras.utils.clear_session()
    assert checked("conv2d_1") == (0, "")
