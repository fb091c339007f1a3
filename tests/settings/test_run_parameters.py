"""A value of a run is refused wherever a file that gives it is."""

import pytest

from failures import ConfigurationError
from settings.reading import load
from settings.run_parameters import with_run_parameters
from tests.settings.digits_mistakes import DIGITS, TUNER, mistakes

RATE = "tuner.search_space={training.learning_rate: {min: 0.001, max: 0.1, log: true}}"


@pytest.mark.parametrize(
    ("others", "key", "value"),
    [
        (["training.epochs=5", "training.warmup_epochs=2"], "training.epochs", 1),
        ([], "training.freeze_epochs", 3),
        ([], "training.monitor", "mean_iou"),
        ([], "training.focal_gamma", 1.5),
        ([*TUNER, RATE, "training.warmup_epochs=1"], "training.warmup_epochs", 2.5),
    ],
)
def test_what_the_other_keys_rule_out_is_refused_in_the_words_for_a_file(others, key, value):
    others = [*others, f"kubeflow.parameters={{given: {key}}}"]
    [line] = mistakes(DIGITS, *others, f"{key}={value}")
    with pytest.raises(ConfigurationError) as refused:
        with_run_parameters(load(DIGITS, others), {"given": value})
    assert str(refused.value) == line.removeprefix("--set: ")


def test_a_run_that_may_give_both_a_key_and_its_partner_gives_neither_in_vain():
    names = "kubeflow.parameters={loss: training.loss, gamma: training.focal_gamma}"
    configuration = load(DIGITS, [names])
    ignored = r"^training\.focal_gamma: given 1\.5, ignored with training\.loss cross_entropy; "
    for values in ({"gamma": 1.5}, {"gamma": 1.5, "loss": "cross_entropy"}):
        with pytest.raises(ConfigurationError, match=ignored):
            with_run_parameters(configuration, values)
    both = with_run_parameters(configuration, {"gamma": 1.5, "loss": "focal"})
    assert both.training.focal_gamma == 1.5

    waiting = load(DIGITS, [names, "training.focal_gamma=1.5", "training.loss=focal"])
    assert with_run_parameters(waiting, {"loss": "cross_entropy"}).training.focal_gamma == 1.5


def test_a_key_that_the_search_decides_is_refused_as_a_runs_parameter():
    searched = [*TUNER, RATE]
    [line] = mistakes(DIGITS, *searched, "kubeflow.parameters={rate: training.learning_rate}")
    begins = "--set: kubeflow.parameters.rate: given 'training.learning_rate', which tuner.search_s"
    assert line.startswith(begins)
    assert "training.learning_rate" not in line.partition("allowed: ")[2]

    configuration = load(DIGITS, searched)
    assert configuration.kubeflow.parameters["learning_rate"] == "training.learning_rate"
    with pytest.raises(ConfigurationError, match=r"^learning_rate: replaces .* which tuner\."):
        with_run_parameters(configuration, {"learning_rate": 0.1})
    assert with_run_parameters(configuration, {"epochs": 3}).training.epochs == 3


@pytest.mark.parametrize(
    ("others", "name", "refused"),
    [
        ([*TUNER, RATE], "learning_rate", "replaces training.learning_rate, which tuner.search_sp"),
        ([], "epoch", "not in kubeflow.parameters; allowed: dataset, epochs, learning_rate; did "),
        (["data={source: folder, path: photos}"], "dataset", "replaces data.dataset, which data.s"),
    ],
)
def test_a_scheduled_value_that_no_run_would_take_is_refused_in_the_file(others, name, refused):
    [line] = mistakes(DIGITS, *others, f"schedule={{cron: 0 3 * * *, parameters: {{{name}: 1}}}}")
    assert line.startswith(f"--set: schedule.parameters.{name}: {refused}")
    with pytest.raises(ConfigurationError) as one:
        with_run_parameters(load(DIGITS, others), {name: 1})
    assert str(one.value) == line.removeprefix("--set: schedule.parameters.")


@pytest.mark.parametrize(
    ("values", "refused"),
    [
        ("epochs: 0", ".epochs: no run takes it: training.epochs: given 0; allowed: a whole num"),
        ("epochs: '5'", ".epochs: no run takes it: training.epochs: given '5'; allowed: a whole"),
        ("rate: 0.1, warmup: 9", ".warmup: no run takes it: training.warmup_epochs: given 9"),
        ("epochs: 3, warmup: 4", ": no run takes it: training.warmup_epochs: given 4; allowed: "),
    ],
)
def test_a_scheduled_value_that_is_out_of_range_is_refused_in_the_file(values, refused):
    names = "epochs: training.epochs, rate: training.learning_rate, warmup: training.warmup_epochs"
    named = [f"kubeflow.parameters={{{names}}}", "training.warmup_epochs=1"]
    scheduled = "schedule={{cron: 0 3 * * *, parameters: {{{}}}}}"
    [line] = mistakes(DIGITS, *named, scheduled.format(values))
    assert line.startswith(f"--set: schedule.parameters{refused}")
    assert load(DIGITS, [*named, scheduled.format("epochs: 8, warmup: 7, rate: 0.1")]).schedule
