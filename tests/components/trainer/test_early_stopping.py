"""Early stopping: keeps the best weights, waits as many epochs as configured."""

import json
import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from components.trainer.early_stopping import EarlyStopping

LOSSES = st.lists(st.floats(0, 100), min_size=1, max_size=30)


def epochs_run(losses: list[float], patience: int | None) -> tuple[int, EarlyStopping]:
    stopping = EarlyStopping(patience)
    for epoch, loss in enumerate(losses, start=1):
        stopping.update(loss, epoch, [np.array(epoch)])
        if stopping.stopped:
            return epoch, stopping
    return len(losses), stopping


@given(LOSSES)
def test_without_patience_it_never_stops_and_keeps_the_first_of_the_best(losses):
    run, stopping = epochs_run(losses, None)
    assert run == len(losses)
    assert stopping.best_epoch == int(np.argmin(losses)) + 1
    assert stopping.best_weights == [np.array(stopping.best_epoch)]


@given(LOSSES, st.integers(1, 5))
def test_it_stops_when_patience_epochs_brought_nothing_better(losses, patience):
    run, stopping = epochs_run(losses, patience)
    assert stopping.best_value == min(losses[:run])
    assert run - stopping.best_epoch <= patience
    if run < len(losses):
        assert run - stopping.best_epoch == patience


def test_a_loss_that_is_not_a_number_is_worse_than_any_other():
    stopping = EarlyStopping(patience=2)
    for epoch, loss in enumerate([math.nan, 0.5, math.nan], 1):
        stopping.update(loss, epoch, [np.array(epoch)])
    assert stopping.best_epoch == 2
    assert stopping.best_value == 0.5
    assert not stopping.stopped


def test_the_first_epoch_is_the_best_until_another_is_better():
    _, stopping = epochs_run([float("inf"), float("nan")], None)
    assert stopping.best_epoch == 1


@given(LOSSES)
def test_of_a_metric_that_is_better_when_higher_the_highest_is_the_best(values):
    stopping = EarlyStopping(None, higher_is_better=True)
    for epoch, value in enumerate(values, 1):
        stopping.update(value, epoch, [])
    assert stopping.best_epoch == int(np.argmax(values)) + 1
    assert stopping.best_value == max(values)


def test_its_state_is_json_even_before_the_first_number():
    stopping = EarlyStopping(None)
    stopping.update(math.nan, 1, [])
    assert json.loads(json.dumps(stopping.state(), allow_nan=False)) == {
        "best_value": None,
        "best_epoch": 1,
        "waited": 0,
    }
