"""A user's augmentations, losses and metrics are checked as networks are."""

import pytest

from settings.training import Recipe, Training
from settings.tuner import takes_fractions

OTHERS = """
    def fog(images, draw, *, thickness: float = 0.1):
        pass

    def cost(counts, *, of: float = 1.0):
        pass

    def poly(logits, targets, *, epsilon: float = 1.0):
        pass

    class Keras:
        def __call__(self, y_true, y_pred):
            pass

    class Inherits(Keras):
        pass

    class Plain:
        pass

    def summary(counts):
        pass

    def accuracy(counts):
        pass

    def champion_loss(counts):
        pass
"""

AUGMENTATION = 'augmentation.own=[{name: "KIT.others:fog", parameters: {%s}}]'

METRIC = 'evaluation.metrics=[{name: "KIT.others:%s", higher_is_better: false}]'


@pytest.mark.parametrize(
    ("overrides", "mistake"),
    [
        (
            [AUGMENTATION % "thicknes: 1"],
            "augmentation.own.0.parameters.thicknes: unknown key; did",
        ),
        (["training.loss=KIT.others:cost"], "others.py:5: cost does not take logits and targets"),
        (
            ["training.loss=KIT.others:poly", "training.loss_parameters={epsilon: a}"],
            "training.loss_parameters.epsilon: given 'a'; allowed: a number",
        ),
        (["training.loss=KIT.others:Inherits"], "others.py:15: Inherits does not take logits and"),
        (["training.loss=KIT.others:Plain"], "Plain has no __call__; allowed: a function, or a cl"),
        (["training.loss_parameters={epsilon: 1}"], "allowed: only with a loss of your own"),
        (["training.loss=focall"], "allowed: cross_entropy, focal, or package.module:Name of your"),
        ([METRIC % "poly"], "evaluation.metrics.0.name: given 'KIT.others:poly'; KIT/others.py:8"),
        (
            [METRIC % "cost", "evaluation.thresholds={cots: {max: 1}}"],
            "or one of evaluation.metrics; did you mean cost?",
        ),
        ([METRIC % "accuracy"], "accuracy is there twice; allowed: a name that no other metric h"),
        ([METRIC % "summary"], "an evaluation says something else by summary; allowed: others"),
        ([METRIC % "champion_loss"], "says something else by champion_loss; allowed: others"),
        (
            [METRIC % "cost", "evaluation.change={cost: {max_drop: 1}}"],
            "cost is better when lower; allowed: max_rise",
        ),
    ],
)
def test_augmentations_losses_and_metrics_are_checked_as_networks_are(project, overrides, mistake):
    project.write("others", OTHERS)
    [line] = project.mistakes("{name: small_cnn}", *overrides)
    assert mistake in line


def test_a_users_metric_can_have_bounds(project):
    project.write("others", OTHERS)
    bounds = "{cost: {max: 0.5}}", "{cost: {max_rise: 0.1}}"
    made = project.load(
        "{name: small_cnn}",
        METRIC % "cost",
        f"evaluation.thresholds={bounds[0]}",
        f"evaluation.change={bounds[1]}",
    ).evaluation
    assert made.higher_is_better("cost") is False
    assert made.allowed_change("cost") == 0.1


def test_parameters_of_an_augmentation_and_of_a_loss_can_be_searched(project):
    project.write("others", OTHERS)
    keys = "augmentation.own.0.parameters.thickness", "training.loss_parameters.epsilon"
    space = ", ".join(f"{key}: {{min: 0, max: %s}}" for key in keys)
    given = AUGMENTATION % "", "training.loss=KIT.others:poly"
    search = f"tuner={{trials: 2, epochs: 1, search_space: {{{space}}}}}"
    made = project.load("{name: small_cnn}", *given, search % (1, 2))
    recipe = Recipe(
        model=made.model, augmentation=made.augmentation, training=made.training.part(Training)
    )
    assert [takes_fractions(key, recipe) for key in keys] == [True, True]
    [line] = project.mistakes("{name: small_cnn}", *given, search % ("1", "[]"))
    assert "tuner" in line


def test_set_reaches_an_item_of_a_list(project):
    project.write("others", OTHERS)
    given = AUGMENTATION % "", "augmentation.own.0.parameters.thickness=0.5"
    made = project.load("{name: small_cnn}", *given)
    assert made.augmentation.own[0].parameters == {"thickness": 0.5}
    [line] = project.mistakes("{name: small_cnn}", given[0], "augmentation.own.0.name=KIT.others:f")
    assert line.startswith(
        "--set: augmentation.own.0.name: given 'KIT.others:f'; KIT/others.py has"
    )
    [line] = project.mistakes("{name: small_cnn}", given[0], "augmentation.own.1.name=x:y")
    assert line.endswith("augmentation.own is a list of 1; allowed: a number below that")
