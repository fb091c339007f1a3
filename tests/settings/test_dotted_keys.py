"""`--set` reaches keys that hold dots themselves, as those of a search space do."""

import pytest

from settings.reading import load
from tests.settings.digits_mistakes import DIGITS, TUNER, mistakes

MIXUP = "tuner.search_space.training.mixup"


def test_a_key_that_holds_dots_itself_is_replaced_or_added():
    step = "kubeflow.steps.Trainer"
    tried = "training.learning_rate: {min: 0.001, max: 0.01}"
    given = [
        f"tuner={{trials: 2, epochs: 1, search_space: {{{tried}}}}}",
        "tuner.search_space.training.learning_rate.max=0.02",
        f"{MIXUP}={{choices: [0.0, 0.2]}}",
        "tuner.search_space.model.parameters.dropout.choices=[0.1, 0.2]",
        f"{step}={{node_selector: {{kubernetes.io/arch: arm64}}}}",
        f"{step}.node_selector.kubernetes.io/arch=amd64",
        f"{step}.cpu='2'",
        "validation.allow.a.b=[EMPTY_SPLIT]",
    ]
    configuration = load(DIGITS, given)
    space = configuration.tuner.search_space
    rate = space["training.learning_rate"]
    assert (rate.min, rate.max) == (0.001, 0.02)
    assert space["training.mixup"].choices == [0.0, 0.2]
    assert space["model.parameters.dropout"].choices == [0.1, 0.2]
    trainer = configuration.kubeflow.step("Trainer")
    assert (trainer.node_selector, trainer.cpu) == ({"kubernetes.io/arch": "amd64"}, "2")
    assert configuration.validation.allow == {"a.b": ["EMPTY_SPLIT"]}


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (
            [*TUNER, f"{MIXUP}.min=0", f"{MIXUP}.max=high"],
            f"{MIXUP}.max: given 'high'; allowed: a whole number or a number",
        ),
        (["kubeflow.steps.Trainer.gpuu=1"], "Trainer.gpuu: unknown key; did you mean gpu?"),
    ],
)
def test_a_mistake_below_a_key_of_a_mapping_names_the_whole_key(overrides, expected):
    [line] = mistakes(DIGITS, *overrides)
    assert line.startswith("--set: ")
    assert expected in line
