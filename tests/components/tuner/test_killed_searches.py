"""A search that is killed goes on, and a trial that kills it does not do so for ever."""

import contextlib
import logging
import shutil
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from components.tuner import executor
from tests.components.tuner.conftest import best, results

pytestmark = pytest.mark.slow


class Killed(BaseException):
    pass


def killed_in_its_second_trial(search) -> None:
    """Calls what searches with two trials, and kills it in the second one."""
    ended = []

    def kill(record):
        if ended:
            raise Killed
        ended.extend([1] * record.getMessage().startswith("trial 1 of 2:"))
        return True

    progress = logging.getLogger("steadyfeed.progress")
    progress.setLevel(logging.INFO)
    progress.addFilter(kill)
    try:
        with pytest.raises(Killed):
            search()
    finally:
        progress.removeFilter(kill)


@pytest.fixture(scope="module")
def kept(search_in, tmp_path_factory) -> Path:
    """Where a search that was killed in its second trial keeps its state."""
    state = tmp_path_factory.mktemp("killed") / "checkpoints"
    killed_in_its_second_trial(lambda: search_in(checkpoint_dir=state))
    return state


@pytest.fixture
def killed(kept, tmp_path) -> Path:
    """The same state, for a search that goes on, and beside it what it knows of trials."""
    return Path(shutil.copytree(kept.parent, tmp_path / "killed")) / kept.name


def test_a_killed_search_goes_on_with_the_trial_that_was_running(search_in, found, killed, caplog):
    caplog.clear()
    caplog.set_level(logging.INFO, "steadyfeed.progress")
    again = search_in(checkpoint_dir=killed)
    reported = [record.getMessage() for record in caplog.records]
    assert reported
    assert all(message.startswith("trial 2 of 2") for message in reported)
    scores = [[trial["score"] for trial in results(search)] for search in (again, found)]
    np.testing.assert_allclose(*scores, rtol=1e-4)
    assert not list(killed.iterdir())
    logs = Path(again["tuner_results"][0].uri, "trials")
    assert sorted(file.parent.name for file in logs.rglob("history.json")) == ["0", "1"]
    assert len(list(logs.glob("1/train/events*"))) == 1


def in_place_of_processes(train):
    """What does trials in this process, in place of `Trials`."""
    return lambda at_once: SimpleNamespace(run=train, close=lambda: None)


@pytest.fixture
def kill_in_the_first_trials(search_in, monkeypatch):
    """A function: leaves a search as a kill does in its first trials, with nothing tidied up."""
    over, threads = threading.Event(), []

    def kill(checkpoint_dir, parallel_trials=1):
        begun = threading.Barrier(parallel_trials + 1, timeout=60)

        def train(attempt):
            begun.wait()
            over.wait()
            raise Killed

        def search():
            with contextlib.suppress(Killed):
                search_in(parallel_trials=parallel_trials, checkpoint_dir=checkpoint_dir)

        with monkeypatch.context() as patch:
            patch.setattr(executor, "objective_of", train)
            patch.setattr(executor, "Trials", in_place_of_processes(train))
            threads.append(threading.Thread(target=search))
            threads[-1].start()
            begun.wait()
        # The lock of a process ends with it: the copy's is free.
        held = checkpoint_dir.rename(checkpoint_dir.with_name(f"killed-{len(threads)}"))
        shutil.copytree(held, checkpoint_dir)

    yield kill
    over.set()
    for thread in threads:
        thread.join()


def test_a_trial_at_which_the_search_was_killed_three_times_counts_as_failed(
    search_in, kill_in_the_first_trials, tmp_path, caplog
):
    caplog.set_level(logging.INFO, "steadyfeed.progress")
    for _ in range(3):
        kill_in_the_first_trials(checkpoint_dir=tmp_path / "checkpoints")
    [found] = search_in(checkpoint_dir=tmp_path / "checkpoints")["tuner_results"]
    lost = "failed: Tuner: its process ended before the training did (the search around it was lost"
    assert any(lost in line for line in caplog.messages)
    assert found.get_string_custom_property("summary").endswith("the best of 1 trial; 1 failed")


def test_trials_that_ran_together_when_the_search_was_killed_go_one_at_a_time(
    search_in, kill_in_the_first_trials, tmp_path, monkeypatch
):
    state, running, at_once = tmp_path / "checkpoints", [], []

    def train(attempt):
        running.append(attempt)
        at_once.append(len(running))
        reached = executor.objective_of(attempt)
        running.remove(attempt)
        return reached

    kill_in_the_first_trials(parallel_trials=2, checkpoint_dir=state)
    monkeypatch.setattr(executor, "Trials", in_place_of_processes(train))
    search_in(parallel_trials=2, checkpoint_dir=state)
    assert at_once == [1, 1]


def test_a_search_that_was_interrupted_is_not_counted_as_lost(search_in, tmp_path, monkeypatch):
    def interrupted(attempt):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(executor, "objective_of", interrupted)
        for _ in range(3):
            with pytest.raises(KeyboardInterrupt):
                search_in(checkpoint_dir=tmp_path / "checkpoints")
    [found] = search_in(checkpoint_dir=tmp_path / "checkpoints")["tuner_results"]
    assert found.get_string_custom_property("summary").endswith("the best of 2 trials")


@pytest.mark.parametrize("file", ["oracle.json", "trial_0/trial.json"])
def test_state_that_a_kill_left_half_written_is_begun_anew(search_in, found, killed, file):
    [written] = killed.glob(f"tuner-*/search/{file}")
    written.write_text(written.read_text()[:20])
    assert best(search_in(checkpoint_dir=killed)) == best(found)


LOSSES = """
    import tensorflow as tf

    def one(logits, targets):
        {step}
        return tf.nn.softmax_cross_entropy_with_logits(targets, logits)

    def two(logits, targets):
        return one(logits, targets)
"""


def test_a_loss_that_was_mended_after_a_kill_is_tried_again(search_in, kit, tmp_path):
    module = kit(LOSSES.format(step="raise ValueError('a bug')"))
    space = {"training.loss": {"choices": [f"{module}:one", f"{module}:two"]}}
    state = tmp_path / "checkpoints"
    killed_in_its_second_trial(lambda: search_in(space, checkpoint_dir=state))
    kit(LOSSES.format(step="pass"))
    del sys.modules[module]  # As in another process.
    [found] = search_in(space, checkpoint_dir=state)["tuner_results"]
    assert found.get_string_custom_property("summary").endswith(", the best of 2 trials")
