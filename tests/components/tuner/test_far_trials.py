"""Trials are left in a folder for runners elsewhere, and their results come back."""

import contextlib
import errno
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from components.tuner import far_trials, trial_runner
from components.tuner.attempt import Attempt
from components.tuner.far_trials import LOST, FarTrials, RunnersLost
from components.tuner.trial_files import RESULT, TRIAL
from failures import Failure, SurroundingsFailure
from files import writing
from tests.processes import ROOT, wait_for

REACH = (
    "import pathlib, sys; written = pathlib.Path(sys.argv[1], 'written'); "
    "written.write_text('{\"reached\": 0.5}'); written.rename(written.with_name('result.json'))"
)
ATTEMPT = Attempt(None, "validation_loss", "", {})
# Until its runner ends.
FOR_EVER = (
    "import os, pathlib, sys; pathlib.Path(sys.argv[1], f'begun-{os.getppid()}').touch(); "
    "sys.stdin.read()"
)
RUNNER = f"""
import pathlib, subprocess, sys, types
from components.tuner import trial_runner

def begin(command, **given):
    return subprocess.Popen([sys.executable, "-c", {FOR_EVER!r}, command[-1]], **given)

names = {{"PIPE": subprocess.PIPE, "DEVNULL": subprocess.DEVNULL}}
trial_runner.subprocess = types.SimpleNamespace(Popen=begin, **names)
trial_runner._LOOK_EVERY = 0.01
trial_runner.serve(pathlib.Path(sys.argv[1]))
"""


@pytest.fixture(autouse=True)
def _look_often(monkeypatch):
    monkeypatch.setattr(far_trials, "_LOOK_EVERY", 0.01)
    monkeypatch.setattr(trial_runner, "_LOOK_EVERY", 0.01)


@pytest.fixture
def runner(tmp_path, monkeypatch):
    """A function (programs that stand in for trials, in order, runners): starts these."""
    over, threads, started = threading.Event(), [], []

    def glance(seconds):
        if over.wait(seconds):
            raise SystemExit

    def serve():
        with contextlib.suppress(SystemExit):
            trial_runner.serve(tmp_path)

    def start(*programs, runners=1):
        left = list(programs)

        def begin(command, **given):
            process = subprocess.Popen([sys.executable, "-c", left.pop(0), command[-1]], **given)
            started.append(process)
            return process

        names = {"PIPE": subprocess.PIPE, "DEVNULL": subprocess.DEVNULL}
        monkeypatch.setattr(trial_runner, "subprocess", SimpleNamespace(Popen=begin, **names))
        monkeypatch.setattr(trial_runner, "time", SimpleNamespace(sleep=glance))
        for _ in range(runners):
            threads.append(threading.Thread(target=serve))
            threads[-1].start()
        return started

    yield start
    over.set()
    for thread in threads:
        thread.join()


@pytest.fixture
def trials(tmp_path):
    """Three trials at a time."""
    return FarTrials(3, tmp_path)


@pytest.fixture
def lose_a_runner(tmp_path):
    """A function: starts a runner, and kills it in the middle of its trial."""

    def lose():
        process = subprocess.Popen(
            [sys.executable, "-c", RUNNER, str(tmp_path)],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
        try:
            begun = f"*/begun-{process.pid}"
            wait_for(lambda: list(tmp_path.glob(begun)), processes=[process])
        finally:
            process.kill()
            process.wait()

    return lose


def left_in(folder):
    return list(folder.glob(f"*/{TRIAL}"))


def test_the_result_of_a_runner_is_that_of_the_trial(runner, trials, tmp_path):
    runner(REACH, REACH)
    assert trials.run(ATTEMPT) == 0.5
    assert trials.run(ATTEMPT) == 0.5
    assert left_in(tmp_path) == []


def test_a_trial_whose_process_is_killed_counts_as_failed(runner, trials):
    runner("import os; os.kill(os.getpid(), 9)")
    with pytest.raises(Failure, match=r"^Tuner: its process ended before the training did \(exit"):
        trials.run(ATTEMPT)


def test_a_trial_whose_disk_is_full_says_that_it_is_not_for_its_values(runner, trials):
    runner(REACH.replace('"reached": 0.5', '"surroundings": "The disk is full."'))
    with pytest.raises(SurroundingsFailure, match="The disk is full"):
        trials.run(ATTEMPT)


def test_the_runners_that_there_are_do_all_trials(runner, trials):
    runner(REACH, REACH, REACH)
    with ThreadPoolExecutor() as threads, contextlib.closing(trials):
        reached = [threads.submit(trials.run, ATTEMPT) for _ in range(3)]
        assert [one.result(30) for one in reached] == [0.5, 0.5, 0.5]


@pytest.mark.slow
def test_several_runners_do_no_trial_twice(runner, trials):
    started = runner(*[f"import time; time.sleep(0.2); {REACH}"] * 5, runners=4)
    with ThreadPoolExecutor() as threads, contextlib.closing(trials):
        reached = [threads.submit(trials.run, ATTEMPT) for _ in range(3)]
        assert [one.result(30) for one in reached] == [0.5, 0.5, 0.5]
    assert len(started) == 3


def test_the_trial_of_a_lost_runner_is_done_by_another(runner, trials, lose_a_runner):
    with ThreadPoolExecutor() as threads, contextlib.closing(trials):
        reached = threads.submit(trials.run, ATTEMPT)
        lose_a_runner()
        lose_a_runner()
        runner(REACH)
        assert reached.result(30) == 0.5


def test_a_result_that_comes_while_another_runner_tries_the_same_ends_that_attempt(
    runner, trials, tmp_path
):
    started = runner("import time; time.sleep(600)")
    with ThreadPoolExecutor() as threads, contextlib.closing(trials):
        reached = threads.submit(trials.run, ATTEMPT)
        wait_for(lambda: started)
        [left] = left_in(tmp_path)
        writing.write(left.with_name(RESULT), '{"reached": 0.5}')  # by who has lost the lock
        assert reached.result(30) == 0.5
    wait_for(lambda: started[0].poll() is not None)


def test_a_folder_that_cannot_be_removed_yet_disturbs_nobody(runner, trials, tmp_path, monkeypatch):
    def removed(path):
        if path.is_dir():  # In which a runner on NFS has a file open.
            raise OSError(errno.ENOTEMPTY, "Directory not empty", path)
        path.unlink()

    monkeypatch.setattr(far_trials.writing, "remove", removed)
    started = runner(REACH, REACH)
    assert [trials.run(ATTEMPT), trials.run(ATTEMPT)] == [0.5, 0.5]
    assert len(started) == 2
    assert left_in(tmp_path) == []


def test_a_runner_that_starts_again_does_the_trial_that_a_lost_one_was_at(runner, trials, tmp_path):
    with ThreadPoolExecutor() as threads:
        reached = threads.submit(trials.run, ATTEMPT)
        wait_for(lambda: left_in(tmp_path))
        runner(REACH)
        assert reached.result(60) == 0.5


def test_a_search_that_ends_ends_the_trial_of_its_runner(runner, trials, tmp_path):
    started = runner("import time; time.sleep(600)")
    with ThreadPoolExecutor() as threads:
        reached = threads.submit(trials.run, ATTEMPT)
        wait_for(lambda: started)
        trials.close()
        with pytest.raises(Failure, match="the search was ended"):
            reached.result(60)
    wait_for(lambda: started[0].poll() is not None)
    assert not list(tmp_path.glob(f"*/{RESULT}"))


def test_without_runners_the_search_ends(trials, tmp_path):
    (tmp_path / LOST).write_text("the Job failed: its pods were lost too often")
    with pytest.raises(RunnersLost, match="lost too often"):
        trials.run(ATTEMPT)


@pytest.mark.slow
def test_a_trial_with_which_three_pods_were_lost_counts_as_failed(runner, trials, lose_a_runner):
    with ThreadPoolExecutor() as threads, contextlib.closing(trials):
        lost = threads.submit(trials.run, ATTEMPT)
        for _ in range(3):
            lose_a_runner()
        started = runner(REACH)
        with pytest.raises(Failure, match=r"^Tuner: .* \(its pod was lost three times, perhaps"):
            lost.result(30)
        assert not started
        assert trials.run(ATTEMPT) == 0.5
