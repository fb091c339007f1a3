"""The median stopping rule, and trials that earlier searches have trained already."""

import json
from pathlib import Path

import numpy as np
import pytest

from components.trainer.history import Epoch
from components.tuner.poor_trials import PoorTrials
from components.tuner.reading import read_trials


def epochs(*values, monitored=()):
    """Epochs whose validation loss, and validation accuracy, have these values."""
    shown = [*monitored, *[None] * (len(values) - len(monitored))]
    return [
        Epoch(number, 0, 0, one, one, 0, 0, 0, 0, None, of_monitor)
        for number, (one, of_monitor) in enumerate(zip(values, shown, strict=True), 1)
    ]


@pytest.fixture
def ended(tmp_path):
    """Writes the histories of trials that have ended; a function (*losses of each)."""

    def write(*trials):
        for number, losses in enumerate(trials):
            (tmp_path / str(number)).mkdir()
            content = {"epochs": [vars(epoch) for epoch in epochs(*losses)]}
            (tmp_path / str(number) / "history.json").write_text(json.dumps(content))
        return tmp_path

    return write


def stops(folder, *losses, after=2, of=4, objective="validation_loss"):
    return PoorTrials(objective, "loss", after, of, folder).stop(epochs(*losses))


def test_a_trial_stops_where_its_best_is_worse_than_the_median_at_that_time(ended):
    folder = ended((1.0, 0.9, 0.1), (1.0, 0.5, 0.1), (1.0, 0.7, 0.1))
    assert stops(folder, 1.0, 0.8)
    assert not stops(folder, 1.0, 0.7)
    assert not stops(folder, 0.6, 0.9)  # its best so far counts
    assert not stops(folder, 5.0)  # every trial has two epochs
    assert stops(folder, None, None)


def test_a_higher_accuracy_is_better(ended):
    folder = ended((0.1, 0.9), (0.1, 0.5), (0.1, 0.7))
    assert stops(folder, 0.1, 0.6, objective="validation_accuracy")
    assert not stops(folder, 0.1, 0.8, objective="validation_accuracy")


def test_the_first_three_trials_are_never_stopped(ended):
    assert not stops(ended((0.1, 0.1), (0.1, 0.1)), 9.0, 9.0)


def test_a_trial_that_had_all_its_epochs_is_not_stopped(ended):
    folder = ended((1.0, 0.9, 0.1), (1.0, 0.5, 0.1), (1.0, 0.7, 0.1))
    assert stops(folder, 1.0, 1.0, of=3)
    assert not stops(folder, 1.0, 1.0, of=2)
    assert not stops(folder, 1.0, 1.0, 1.0, of=3)


def test_a_stopped_trial_counts_with_what_it_had_reached(ended):
    folder = ended((1.0, 0.9), (1.0, 0.1, 0.1), (1.0, 0.1, 0.1), (1.0, 0.8))
    assert not stops(folder, 1.0, 0.5, 0.44)
    assert stops(folder, 1.0, 0.5, 0.46)


def test_a_stopped_trial_is_never_the_best_where_another_metric_says_which_epoch_is(ended):
    folder = ended((0.30, 0.40, 0.45), (0.30, 0.40, 0.47), (0.30, 0.40, 0.50))
    rule = PoorTrials("validation_loss", "mean_iou", 1, 3, folder)
    poor = epochs(0.33, 0.38, monitored=[0.2, 0.1])
    assert rule.stop(poor)
    assert rule.score(poor) == (1, 0.47)
    assert rule.score(epochs(0.6, 0.5, monitored=[0.1, 0.2])) == (2, 0.5)
    assert rule.score(epochs(0.6, 0.5, monitored=[None, 0.2])) == (2, 0.5)
    assert rule.score(epochs(None, 0.5, monitored=[0.2, 0.1])) == (1, None)


def test_a_stopped_trial_of_the_metric_that_says_which_epoch_is_best_counts_as_it_is(ended):
    folder = ended((0.1, 0.9), (0.1, 0.5), (0.1, 0.7))
    poor = epochs(0.1, 0.6, 0.6, monitored=[0.1, 0.6, 0.6])
    assert PoorTrials("validation_accuracy", "accuracy", 2, 4, folder).score(poor) == (2, 0.6)


SPACE = {"training.learning_rate": {"choices": [1e-7, 2e-7, 0.01, 0.02, 0.03]}}


@pytest.mark.slow
def test_poor_trials_end_early_and_a_later_search_trains_no_trial_again(search_in, tmp_path):
    state = tmp_path / "checkpoints"

    def searched(**keys):
        [found] = search_in(SPACE, checkpoint_dir=state, epochs=2, **keys)["tuner_results"]
        scores = json.loads(Path(found.uri, "tuner_results.json").read_text())
        return (
            found.get_string_custom_property("summary"),
            [trial.history for trial in read_trials(Path(found.uri))],
            {trial["training.learning_rate"]: trial["score"] for trial in scores},
        )

    summary, histories, _ = searched(trials=4, stop_poor_after=1, seed=3)
    assert [len(history.epochs) for history in histories] == [2, 2, 2, 1]
    assert histories[-1].stopped_early
    assert histories[-1].hyperparameters["training.learning_rate"] < 1e-6
    assert summary.endswith("the best of 4 trials; 1 stopped early")

    summary, again, scores = searched(trials=4, seed=3)
    assert [history.reused for history in again] == [True, True, True, False]
    assert summary.endswith("the best of 4 trials; 3 of earlier searches")
    for before, after in zip(histories[:3], again[:3], strict=True):
        assert before.epochs == after.epochs
    assert len(scores) == 4
    assert np.isfinite(list(scores.values())).all()
