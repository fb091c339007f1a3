"""A search's proposals, with outcomes that are computed from the values instead of trained."""

import contextlib
import logging
import shutil
import threading

import pytest
import tensorflow as tf

from components.tuner.search import search
from failures import Failure, SurroundingsFailure
from files import writing
from settings.tuner import Tuner
from tests.full_disk import full_disk

FILTERS, BATCH = "model.parameters.filters", "training.batch_size"
RATES = {"training.learning_rate": {"min": 0.001, "max": 0.1, "log": True}}


class Killed(BaseException):
    pass


@pytest.fixture
def proposed_in(tmp_path):
    """A function that searches, and gives the values in the order in which they were tried."""

    def searched(space, trials, outcome, algorithm="bayesian", folder="search", kill_at=None):
        tried = []

        def try_values(trial, values, epochs):
            if len(tried) == kill_at:
                raise Killed
            tried.append(values)
            return outcome(values)

        tuner = Tuner.of(trials=trials, epochs=1, search_space=space, algorithm=algorithm)
        with contextlib.suppress(Killed):
            search(tuner, str(tmp_path / folder), try_values, seed=3)
        return tried

    return searched


@pytest.mark.parametrize("algorithm", ["random", "bayesian", "hyperband"])
def test_as_many_trials_as_choices_try_each_of_them_once(proposed_in, algorithm):
    choices = [[count] for count in range(1, 7)]
    space = {FILTERS: {"choices": choices}}
    tried = proposed_in(space, 6, lambda values: values[FILTERS][0] / 6, algorithm)
    assert sorted(values[FILTERS] for values in tried) == choices


@pytest.mark.slow
def test_a_search_with_more_trials_than_values_ends_when_all_were_tried(proposed_in):
    space = {BATCH: {"min": 1, "max": 4, "log": True}}
    tried = proposed_in(space, 20, lambda values: values[BATCH] / 4)
    assert sorted(values[BATCH] for values in tried) == [1, 2, 3, 4]


@pytest.mark.slow
@pytest.mark.parametrize("log", [True, False])
def test_no_proposal_leaves_its_range_though_the_best_is_at_its_end(proposed_in, log):
    space = {BATCH: {"min": 4, "max": 64, "log": log}, FILTERS: {"choices": [[8], [16], [32]]}}
    tried = proposed_in(space, 10, lambda values: -values[BATCH] - values[FILTERS][0] / 100)
    assert max(values[BATCH] for values in tried) == 64
    assert min(values[BATCH] for values in tried) >= 4


@pytest.mark.slow
def test_a_search_that_goes_on_after_a_kill_proposes_what_an_undisturbed_one_does(proposed_in):
    space = {
        "training.learning_rate": {"min": 0.0001, "max": 0.1, "log": True},
        "augmentation.crop": {"min": 0.0, "max": 0.9},
    }

    def outcome(values):
        return (values["training.learning_rate"] * 10 - values["augmentation.crop"]) ** 2

    undisturbed = proposed_in(space, 9, outcome)  # The first six are random.
    begun = proposed_in(space, 9, outcome, folder="killed", kill_at=6)
    assert [*begun, *proposed_in(space, 9, outcome, folder="killed")] == undisturbed


@pytest.fixture
def halved(tmp_path):
    """A function that searches by hyperband, and gives the epochs and the rate of each trial."""

    def searched(space=RATES, **keys):
        tried = []

        def try_values(trial, values, epochs):
            tried.append((epochs, values["training.learning_rate"]))
            return values["training.learning_rate"]

        tuner = Tuner.of(search_space=space, algorithm="hyperband", **keys)
        search(tuner, str(tmp_path / "search"), try_values, seed=3)
        return tried

    return searched


def test_hyperband_gives_the_better_trials_more_epochs(halved):
    tried = halved(trials=4, epochs=3)
    assert [epochs for epochs, _ in tried] == [1, 1, 1, 3]
    assert tried[-1][1] == min(rate for _, rate in tried)


@pytest.mark.parametrize(
    ("trials", "epochs", "expected"),
    [
        (60, 30, [2] * 34 + [4] * 12 + [10] * 4 + [30] * 2 + [30] * 8),
        (20, 30, [10] * 8 + [30] * 3 + [30] * 9),
        (11, 27, [9] * 6 + [27] * 2 + [27] * 3),
        (7, 8, [3] * 5 + [8] * 2),
        (6, 8, [8] * 6),
        (1, 100, [100]),
    ],
)
def test_hyperband_begins_with_no_more_trials_than_leave_some_for_all_epochs(
    halved, trials, epochs, expected
):
    assert [of_trial for of_trial, _ in halved(trials=trials, epochs=epochs)] == expected


def test_hyperband_begins_with_no_more_trials_than_there_are_values(halved):
    space = {"training.learning_rate": {"choices": [0.1, 0.2, 0.3, 0.4, 0.5]}}
    assert [epochs for epochs, _ in halved(space, trials=20, epochs=30)] == [30] * 5


@pytest.mark.parametrize(
    ("trials", "epochs", "expected"),
    [(20, 30, [10] * 8 + [30] * 12), (52, 30, [2] * 34 + [4] * 12 + [10] * 4 + [30] * 2)],
)
def test_hyperband_with_trials_at_a_time_ends_what_it_begins(halved, trials, epochs, expected):
    tried = halved(trials=trials, epochs=epochs, parallel_trials=4)
    assert sorted(epochs for epochs, _ in tried) == expected
    again = {rate for of_trial, rate in tried if of_trial < epochs and (epochs, rate) in tried}
    assert len(again) == (3 if trials == 20 else 2)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (tf.errors.ResourceExhaustedError, "OOM when allocating tensor"),
        (tf.errors.NotFoundError, "No algorithm worked!"),
    ],
)
def test_what_the_memory_does_not_hold_is_one_trial_less(proposed_in, caplog, kind, words):
    caplog.set_level(logging.INFO, "steadyfeed.progress")

    def allocate(values):
        if values[BATCH] == 1000:  # tests/components/trainer/test_failures.py has a real one.
            raise kind(None, None, words)
        return 1.0

    tried = proposed_in({BATCH: {"choices": [2, 1000]}}, 2, allocate)
    assert len(tried) == 2
    [reported] = [line for line in caplog.messages if "batch_size 1000" in line]
    assert f"failed: it does not fit into the device's memory ({words})" in reported


def test_a_trial_that_waits_for_another_process_is_shown_and_goes_on(proposed_in, caplog):
    caplog.set_level(logging.INFO, "steadyfeed.progress")

    def wait(values):
        logging.getLogger("steadyfeed.progress").info("waiting for process 7")  # as disk.py does
        return 1.0

    proposed_in({BATCH: {"choices": [2, 4]}}, 2, wait)
    shown = [r for r in caplog.records if r.getMessage().endswith("waiting for process 7")]
    assert [(record.getMessage()[:12], record.completed) for record in shown] == [
        ("trial 1 of 2", 0.0),
        ("trial 2 of 2", 0.5),
    ]


def test_after_a_search_without_one_good_trial_the_next_one_tries_anew(tmp_path):
    tuner = Tuner.of(trials=2, epochs=1, search_space={BATCH: {"min": 1, "max": 9}})
    fails = [True]

    def try_values(trial, values, epochs):
        if fails[0]:
            raise Failure("The loss is not a finite number.")
        return 1.0

    with pytest.raises(Failure, match="all 2 trials failed"):
        search(tuner, str(tmp_path / "search"), try_values, seed=1)
    fails[0] = False
    assert search(tuner, str(tmp_path / "search"), try_values, seed=1).oracle.trials


@pytest.mark.parametrize("algorithm", ["random", "bayesian", "hyperband"])
def test_as_many_trials_run_at_a_time_as_are_asked_for_and_each_once(tmp_path, algorithm):
    meeting, names = threading.Barrier(3), []

    def try_values(trial, values, epochs):
        names.append(trial)
        if int(trial) < 3:
            meeting.wait(30)  # All three are here, or this is an error.
        return values["training.learning_rate"]

    tuner = Tuner.of(trials=6, epochs=3, search_space=RATES, algorithm=algorithm, parallel_trials=3)
    found = search(tuner, str(tmp_path / "search"), try_values, seed=3)
    assert sorted(names) == [str(number) for number in range(6)] == sorted(found.oracle.trials)
    assert {trial.status for trial in found.oracle.trials.values()} == {"COMPLETED"}


def test_a_random_search_tries_the_same_values_however_many_at_a_time(tmp_path):
    def tried(at_once):
        values = []

        def try_values(trial, given, epochs):
            values.append((trial, given["training.learning_rate"]))
            return given["training.learning_rate"]

        tuner = Tuner.of(
            trials=6, epochs=1, search_space=RATES, algorithm="random", parallel_trials=at_once
        )
        search(tuner, str(tmp_path / str(at_once)), try_values, seed=3)
        return sorted(values)

    assert tried(3) == tried(1)


@pytest.mark.parametrize("algorithm", ["random", "bayesian", "hyperband"])
def test_a_trial_that_a_kill_left_between_two_files_is_done_and_proposed_once(tmp_path, algorithm):
    tuner = Tuner.of(trials=4, epochs=1, search_space=RATES, algorithm=algorithm)
    known, tried = tmp_path / "search" / "search" / "oracle.json", []

    def try_values(trial, values, epochs):
        tried.append((trial, values["training.learning_rate"]))
        if len(tried) == 2:
            raise Killed
        return 1.0

    def before_the_next_one(trial):
        shutil.copy(known, tmp_path / "before")
        return ""

    def searched():
        return search(tuner, str(known.parents[1]), try_values, 3, remark=before_the_next_one)

    with pytest.raises(Killed):
        searched()
    shutil.copy(tmp_path / "before", known)
    found = searched()
    assert [trial for trial, _ in tried] == ["0", "1", "1", "2", "3"]
    assert tried[1] == tried[2]
    assert len({rate for _, rate in tried}) == 4
    assert {trial.status for trial in found.oracle.trials.values()} == {"COMPLETED"}


def test_trials_that_kills_have_made_the_search_forget_are_done(tmp_path):
    meeting, ended = threading.Barrier(3), []

    def killed_at_once(trial, values, epochs):
        meeting.wait(30)
        raise Killed

    def killed_in_the_second(trial, values, epochs):
        if trial != "0":
            raise Killed
        return 1.0

    def whole(trial, values, epochs):
        ended.append((trial, values["training.learning_rate"]))
        return 1.0

    def searched(at_once, try_values):
        tuner = Tuner.of(
            trials=5, epochs=1, search_space=RATES, algorithm="random", parallel_trials=at_once
        )
        return search(tuner, str(tmp_path / "search"), try_values, seed=3)

    for at_once, try_values in ((3, killed_at_once), (1, killed_in_the_second)):
        with pytest.raises(Killed):
            searched(at_once, try_values)
    found = searched(1, whole)
    assert sorted(trial for trial, _ in ended) == ["1", "2", "3", "4"]
    assert len({rate for _, rate in ended}) == 4
    assert {trial.status for trial in found.oracle.trials.values()} == {"COMPLETED"}


def test_a_defect_in_one_trial_ends_those_that_run_beside_it(tmp_path):
    ended = threading.Event()

    def try_values(trial, values, epochs):
        if trial == "1":
            raise ValueError("a defect")
        ended.wait(30)
        raise Failure("its process was killed")

    tuner = Tuner.of(trials=6, epochs=1, search_space=RATES, parallel_trials=2)
    with pytest.raises(ValueError, match="a defect"):
        search(tuner, str(tmp_path / "search"), try_values, seed=1, end_trials=ended.set)
    assert ended.is_set()


def test_a_full_disk_ends_the_search_and_the_next_one_goes_on_with_that_trial(tmp_path):
    tried, full = [], [True]

    def try_values(trial, values, epochs):
        tried.append(trial)
        if trial == "1" and full[0]:
            with full_disk():
                writing.write(tmp_path / "checkpoint", "weights")
        return values["training.learning_rate"]

    tuner = Tuner.of(trials=4, epochs=1, search_space=RATES)
    with pytest.raises(SurroundingsFailure, match=r"checkpoint cannot be written: File too large"):
        search(tuner, str(tmp_path / "search"), try_values, seed=1)
    full[0] = False
    found = search(tuner, str(tmp_path / "search"), try_values, seed=1)
    assert tried == ["0", "1", "1", "2", "3"]
    assert {trial.status for trial in found.oracle.trials.values()} == {"COMPLETED"}


def test_a_full_disk_below_the_state_of_a_search_is_reported_in_one_line(tmp_path):
    tuner = Tuner.of(trials=2, epochs=1, search_space=RATES)
    with full_disk(), pytest.raises(SurroundingsFailure, match="search cannot be written") as full:
        search(tuner, str(tmp_path / "search"), lambda *_: 1.0, seed=1)
    assert "\n" not in str(full.value)
