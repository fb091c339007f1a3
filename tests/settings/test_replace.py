"""A value that replaces a key is checked like one in a file."""

import math

import pytest

from failures import Failure
from settings.kubeflow import Kubeflow
from settings.kubernetes import Step
from settings.model import Model
from settings.replace import replaced
from settings.section import Section
from settings.training import Training
from settings.training_input import InputFunction


class Recipe(Section):
    training: Training = Training()
    model: Model = Model(name="small_cnn")


def test_values_replace_keys_and_leave_the_others():
    recipe = Recipe(training=Training(epochs=7))
    values = {"training.learning_rate": 0.25, "model.parameters.filters": [4]}
    changed = replaced(recipe, values)
    assert changed.training == Training(epochs=7, learning_rate=0.25)
    assert changed.model.parameters == {"filters": [4]}
    assert recipe.training.learning_rate == 0.001


def test_what_a_section_leaves_out_stays_left_out():
    every_step, trainer = Step(cpu="2", memory="4Gi"), Step(gpu=1)
    kubeflow = Kubeflow(every_step=every_step, steps={"Trainer": trainer})
    changed = replaced(kubeflow, {"namespace": "team"})
    assert changed.namespace == "team"
    assert changed.step("Trainer") == kubeflow.step("Trainer")


@pytest.mark.parametrize("number", [math.inf, math.nan])
def test_a_number_is_finite(number):
    with pytest.raises(Failure, match=r"memory_limit_mb: given (inf|nan); allowed: a number, abo"):
        InputFunction.of(memory_limit_mb=number)


def test_keys_of_one_section_need_no_dot():
    assert replaced(Training(), {"batch_size": 5}).batch_size == 5


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"training.learning_rate": 20},
            "training.learning_rate: given 20; allowed: a number, above 0, at most 10",
        ),
        (
            {"training.optimizer": "rmsprop"},
            "training.optimizer: given 'rmsprop'; allowed: 'adam', 'adamw' or 'sgd'",
        ),
        ({"training.batchsize": 4}, "training.batchsize: unknown key; did you mean batch_size?"),
        ({"epochs": 4}, "epochs: unknown key; did you mean training.epochs?"),
        ({"training.epochs.more": 4}, "training.epochs has no keys"),
        ({"training.input.strategy": "ram"}, "training.input.strategy: given 'ram'; allowed: "),
    ],
)
def test_a_mistake_is_one_line_with_the_key_the_value_and_what_is_allowed(values, message):
    with pytest.raises(Failure) as refused:
        replaced(Recipe(training=Training(epochs=3)), values)
    assert str(refused.value).startswith(message)
    assert "\n" not in str(refused.value)


def test_every_mistake_has_its_line():
    with pytest.raises(Failure) as refused:
        replaced(Training(), {"epochs": 0, "batch_size": "many"})
    assert [line.partition(":")[0] for line in str(refused.value).splitlines()] == [
        "batch_size",
        "epochs",
    ]


def test_a_component_gets_the_same_lines():
    with pytest.raises(Failure, match="Training: epochs: given 0; allowed: a whole"):
        Training.of(epochs=0)
    with pytest.raises(Failure, match="Training: epochs: given 0; allowed: a whole"):
        Training.from_json('{"epochs": 0}')
