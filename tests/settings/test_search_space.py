"""What a search may try is refused in one line, or read."""

import re

import pytest

from settings.reading import load
from settings.tuner import Tuner
from tests.settings.digits_mistakes import DIGITS, MASKS, SEVERAL, TUNER, TWO, mistakes

RATE = "tuner.search_space={training.learning_rate: {min: 0.001, max: 0.1, log: true}}"


def test_a_search_space_is_read():
    tuner = load(DIGITS, [*TUNER, RATE]).tuner
    assert tuner.search_space["training.learning_rate"].max == 0.1
    assert load(DIGITS).tuner is None


def test_the_reference_names_the_keys_of_the_training_that_can_be_searched():
    [line] = mistakes(DIGITS, *TUNER, "tuner.search_space={training.qqq: {min: 1, max: 2}}")
    allowed = re.findall(r"training\.(\w+)[,\n]", line.partition("allowed: ")[2])
    about = Tuner.model_fields["search_space"].description
    assert about.rpartition("of training ")[2].split(", ") == allowed


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["tuner.search_space={training.learning: {min: 0.1, max: 1}}"], "mean learning_rate?"),
        (["tuner.search_space={training.epochs: {min: 1, max: 9}}"], "unknown key"),
        (["tuner.search_space={model.parameters.depth: {min: 1, max: 9}}"], "parameters.filters"),
        (["tuner.search_space={augmentation.hue: {min: 0.0, max: 0.1}}"], "unknown key"),
        (["tuner.search_space={training.learning_rate: {min: 0.1, max: 11.0}}"], "given 11.0"),
        (["tuner.search_space={training.batch_size: {min: 1.5, max: 8}}"], "given 1.5"),
        (["tuner.search_space={training.optimizer: {choices: [adam, lion]}}"], "given 'lion'"),
        (
            [
                "training.gradient_accumulation=4",
                "tuner.search_space={training.batch_size: {min: 8, max: 64}}",
            ],
            "training.batch_size: tries 9; training.gradient_accumulation: given 4; allowed with b",
        ),
        (["tuner.search_space={training.learning_rate: {min: 0.1}}"], "min and max, or choices"),
        (["tuner.search_space={training.learning_rate: {min: 0.2, max: 0.1}}"], "below max"),
        (["tuner.search_space={training.learning_rate: {min: 0.0, max: 1, log: true}}"], "above 0"),
        (
            ["tuner.search_space={training.learning_rate: {min: low, max: 1}}"],
            "learning_rate.min: given 'low'; allowed: a whole number or a number",
        ),
        (["tuner.search_space={model.parameters.filters: {min: 4, max: 8}}"], "given 4; allowed"),
        (["tuner.search_space={model.parameters.dropout: {choices: [none]}}"], "given 'none'"),
        (
            ["tuner.search_space={model.weights: {choices: [null, nowhere.h5]}}"],
            "model.weights: given 'nowhere.h5', where no weights are",
        ),
        (
            ["tuner.search_space={model.parameters.dropout: {min: 0.1, max: .inf}}"],
            "given inf",
        ),
        (
            ["tuner.search_space={model.parameters.dropout: {min: .nan, max: 0.5}}"],
            "given nan",
        ),
        (
            ["tuner.search_space={training.optimizer: {choices: [adam, sgd, adam]}}"],
            "choices has 'adam' twice",
        ),
        (
            ["tuner.search_space={model.parameters.dropout: {choices: [2026-01-01]}}"],
            "choices.0: given 2026-01-01; allowed: text, finite numbers",
        ),
        (["tuner.search_space={}"], "at least 1"),
        ([], "tuner.search_space: missing"),
        ([RATE, "tuner.algorithm=grid"], "'random', 'bayesian' or 'hyperband'"),
        ([RATE, "tuner.objective=validation_mean_iou"], "needs segmentation"),
        ([RATE, "data.splits.validation=null"], "data.splits.validation, which is missing"),
        ([RATE, "tuner.trials=0"], "tuner.trials: given 0"),
        ([RATE, "tuner.stop_poor_after=2", "tuner.epochs=2"], "allowed: fewer than tuner.epochs"),
        (
            ["tuner.search_space={training.freeze_epochs: {min: 0, max: 1}}"],
            "training.freeze_epochs: given 1, and model.weights is missing",
        ),
        (
            ["tuner.search_space={training.freeze_epochs: {min: 0, max: 2}}"],
            "search_space training.freeze_epochs: given 2; trials end before these layers train"
            "; allowed: fewer than tuner.epochs, 2, or all of training.epochs",
        ),
        (
            ["tuner.search_space={training.warmup_epochs: {choices: [1, 2.5]}}"],
            "search_space training.warmup_epochs: given 2.5; trials end before the rate has risen; "
            "allowed: at most tuner.epochs, 2",
        ),
        (
            [SEVERAL, "tuner.search_space={training.sampling: {choices: [shuffled, balanced]}}"],
            "training.sampling: balanced needs one class for each image",
        ),
        (
            [
                MASKS,
                TWO,
                "model={name: unet}",
                "tuner.search_space={training.mixup: {choices: [0.0, 0.2]}}",
            ],
            "training.mixup: given 0.2; allowed: 0, as masks cannot be added",
        ),
    ],
)
def test_a_search_that_cannot_be_done_is_refused_in_one_line(overrides, expected):
    [line] = mistakes(DIGITS, *TUNER, *overrides)
    assert "tuner" in line
    assert expected in line


@pytest.mark.parametrize(
    ("key", "value", "allowed"),
    [("warmup_epochs", 3, "at most tuner.epochs, 2"), ("freeze_epochs", 2, "fewer than tuner.ep")],
)
def test_trials_too_short_for_what_the_training_begins_with_are_refused(key, value, allowed):
    given = [*TUNER, RATE, "training.epochs=30", f"training.{key}={value}"]
    [line] = mistakes(DIGITS, *given)
    assert line.startswith(f"--set: training.{key}: given {value}; trials end ")
    assert f"allowed: {allowed}" in line


def test_what_the_trials_replace_or_the_training_never_ends_may_be_longer(tmp_path):
    weights = tmp_path / "some.weights.h5"
    weights.write_bytes(b"")
    backbone = ["model={name: backbone}", f"model.weights={weights}", "training.epochs=30"]
    short = "tuner.search_space={training.warmup_epochs: {choices: [0, 1]}}"
    assert load(DIGITS, [*backbone, *TUNER, short, "training.warmup_epochs=3"]).tuner
    assert load(DIGITS, [*backbone, *TUNER, RATE, "training.freeze_epochs=30"]).tuner


@pytest.mark.parametrize("choices", ["5", "2.5", "true", "softmax", "{a: b}", "2026-01-01"])
def test_choices_of_a_loss_that_are_no_list_are_refused_in_one_line(choices):
    space = f"tuner.search_space={{training.loss: {{choices: {choices}}}}}"
    [line] = mistakes(DIGITS, *TUNER, space)
    assert "tuner.search_space.training.loss.choices: given " in line
    assert "allowed: a list" in line
