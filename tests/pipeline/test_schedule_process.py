"""Scheduled runs as real processes: taken over, stopped, and killed with -9."""

import collections
import datetime
import fcntl
import json
import os
import random
import signal
import sys
import time

import pytest

from pipeline.local_schedule import Outcome, World, firings, serve
from pipeline.schedule_process import RunProcesses, utc_now, wait_until
from pipeline.schedule_store import Run, ScheduleStore
from settings.schedule import Schedule
from tests.processes import start, wait_for

NOON = datetime.datetime(2026, 3, 1, 12, tzinfo=datetime.UTC)


def attempt(number=1):
    return Run(NOON, 1, "owed", number, True, 0, NOON, None, "")


def processes(folder, code, is_stopping=lambda: False, grace_seconds=60.0):
    return RunProcesses(
        folder,
        lambda results: [sys.executable, "-c", code, str(results)],
        is_stopping,
        grace_seconds,
    )


DEAF = "import os, signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True)"


def stopped_when_up(tmp_path, code, grace):
    output = tmp_path / "20260301T120000Z-1" / "output.log"
    runs = processes(tmp_path, code, lambda: output.exists() and "up" in output.read_text(), grace)
    runs.start(attempt())
    return runs.collect(attempt())


def test_a_run_gets_its_scheduled_time_and_gives_its_results(tmp_path):
    code = (
        "import json, os, sys\n"
        "open(sys.argv[1], 'w').write(json.dumps({'Trainer': 'cached'}))\n"
        "print(os.environ['STEADYFEED_SCHEDULED_TIME'])"
    )
    runs = processes(tmp_path, code)
    runs.start(attempt())
    assert runs.collect(attempt()) == Outcome(0, {"Trainer": "cached"})
    output = (runs.folder_of(attempt()) / "output.log").read_text()
    assert output == "2026-03-01T12:00:00+00:00\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "exit_code", "cause"),
    [
        ("print('Trainer failed: no room'); print('more is in x.log'); exit(1)", 1, "no room"),
        ("print('configs/x.yaml:3: seed: given y'); exit(2)", 2, "seed: given y"),
        ("exit(1)", 1, "exit code 1"),
        ("import os; os.kill(os.getpid(), 9)", -9, "ended by SIGKILL"),
    ],
)
def test_a_run_that_fails_is_reported_with_its_cause(tmp_path, code, exit_code, cause):
    runs = processes(tmp_path, code)
    runs.start(attempt())
    outcome = runs.collect(attempt())
    assert outcome.exit_code == exit_code
    assert cause in outcome.cause
    assert "output.log" in outcome.cause


def test_an_attempt_that_was_never_started_has_no_outcome(tmp_path):
    assert processes(tmp_path, "").collect(attempt()) is None


def test_an_attempt_that_was_killed_with_all_its_processes_has_no_outcome(tmp_path):
    runs = processes(tmp_path, "import time; time.sleep(60)")
    runs.start(attempt())
    process = runs.folder_of(attempt()) / "process"
    wait_for(process.exists)
    os.killpg(int(process.read_text()), signal.SIGKILL)
    assert runs.collect(attempt()) is None


@pytest.mark.slow
def test_a_run_whose_attempts_cannot_start_is_given_up(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)  # A folder without the package.
    store, said = ScheduleStore(tmp_path / "state.sqlite"), []
    store.follow("0 3 * * 1", "UTC", NOON)
    store.fall_due(NOON, 1)

    def is_stopping():
        [run] = store.history(1)
        return run.state != "owed" or run.attempt > 4

    schedule = Schedule(cron="0 3 * * 1", retries=1, retry_after_seconds=0)
    world = World(utc_now, lambda instant: None, is_stopping, said.append, lambda: None)
    serve(schedule, store, processes(tmp_path / "runs", ""), world)
    [run] = store.history(1)
    assert (run.state, run.attempt) == ("failed", 2)
    assert "failed 2 times and is given up: its process was killed or did not start" in said[-1]
    assert "No module named" in capfd.readouterr().err


@pytest.mark.parametrize("missing", ["the attempts' folder", "Python"])
def test_a_run_that_the_machine_refuses_to_start_is_tried_again(tmp_path, monkeypatch, missing):
    store, said = ScheduleStore(tmp_path / "state.sqlite"), []
    store.follow("0 3 * * 1", "UTC", NOON)
    store.fall_due(NOON, 1)
    place = tmp_path / "runs"
    if missing == "Python":
        place = tmp_path / "bin" / "python"
        monkeypatch.setattr(sys, "executable", str(place))
    else:
        place.write_text("a file, where a folder is wanted")

    def mend(instant):
        monkeypatch.undo()
        place.unlink(missing_ok=True)

    def is_stopping():
        return store.owed() is None

    schedule = Schedule(cron="0 3 * * 1", retries=1, retry_after_seconds=0.1)
    world = World(utc_now, mend, is_stopping, said.append, lambda: None)
    serve(schedule, store, processes(tmp_path / "runs", ""), world)
    [run] = store.history(1)
    assert (run.state, run.attempt, run.failures) == ("done", 2, 1)
    assert " s: its process could not be started: " in said[0]
    assert str(place) in said[0]


@pytest.mark.slow
def test_a_run_is_waited_for_by_another_schedule_than_the_one_that_began_it(tmp_path):
    processes(tmp_path, "import time; time.sleep(1)").start(attempt())
    assert processes(tmp_path, "").collect(attempt()) == Outcome(0, {})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "grace", "exit_code"),
    [
        ("import time; print('up', flush=True); time.sleep(60)", 60, -signal.SIGTERM),
        (f"{DEAF}; time.sleep(60)", 0.3, -signal.SIGKILL),
    ],
    ids=["that listens", "that does not listen"],
)
def test_a_stop_cuts_off_a_run(tmp_path, code, grace, exit_code):
    outcome = stopped_when_up(tmp_path, code, grace)
    assert (outcome.exit_code, outcome.cut_off) == (exit_code, True)


@pytest.mark.slow
def test_a_run_that_the_kernel_kills_during_a_stop_has_failed(tmp_path):
    code = f"{DEAF}; time.sleep(0.8); os.kill(os.getpid(), 9)"
    outcome = stopped_when_up(tmp_path, code, 60)
    assert (outcome.exit_code, outcome.cut_off) == (-signal.SIGKILL, False)


def test_a_stop_signals_no_process_of_this_machine_for_a_run_of_another_one(tmp_path):
    store, said = ScheduleStore(tmp_path / "state.sqlite"), []
    store.follow("0 3 * * 1", "UTC", NOON)
    store.fall_due(NOON, 1)
    run = store.begin_attempt(store.owed())
    runs = processes(tmp_path / "runs", "import time; time.sleep(60)")
    runs.start(run)
    folder = runs.folder_of(run)
    wait_for((folder / "process").exists)
    group = int((folder / "process").read_text())
    (folder / "machine").write_text("far\n7f3c pid:[4026531836]\n")

    stopping = iter([False, *[True] * 9])
    world = World(utc_now, lambda instant: None, lambda: next(stopping), said.append, lambda: None)
    after = processes(tmp_path / "runs", "", lambda: True, grace_seconds=0)
    serve(Schedule(cron="0 3 * * 1"), store, after, world)
    # The sleeping run stands for whatever has that number here.
    assert os.waitpid(group, os.WNOHANG) == (0, 0)
    assert said == [
        f"The run of 2026-03-01 12:00 UTC still runs on far (its process: {folder}/process): stop "
        "it there, or let the next start of the schedule wait for it."
    ]
    assert store.owed() == run
    os.killpg(group, signal.SIGKILL)
    assert runs.collect(run) is None


@pytest.mark.parametrize(("exit_code", "cut_off"), [(1, False), (130, True)])
def test_of_runs_that_end_before_they_are_asked_to_a_stop_cuts_off_interrupted_ones(
    tmp_path, exit_code, cut_off
):
    ended = tmp_path / "20260301T120000Z-1" / "outcome.json"
    runs = processes(tmp_path, f"exit({exit_code})", ended.exists)
    runs.start(attempt())
    outcome = runs.collect(attempt())
    assert (outcome.exit_code, outcome.cut_off) == (exit_code, cut_off)


def test_waiting_follows_the_clock_on_the_wall_and_ends_on_a_stop():
    times = iter([NOON, NOON + datetime.timedelta(hours=9)])
    slept = []
    until = NOON + datetime.timedelta(hours=8)
    wait_until(until, lambda: next(times), lambda: False, slept.append)
    assert slept == [1.0]
    wait_until(utc_now() + datetime.timedelta(days=1), utc_now, lambda: True)


def kill_what_is_left(folder):
    for process in folder.glob("*/process"):
        with open(process.parent / "lock") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.killpg(int(process.read_text()), signal.SIGKILL)


JOB = """
import os, sys, time
time.sleep(0.05)
file = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
os.write(file, (os.environ["STEADYFEED_SCHEDULED_TIME"] + "\\n").encode())
"""


def serve_quickly(folder, began):
    """Serves a schedule of every minute by a clock on which a minute takes 0.2 s."""
    first = datetime.datetime(2026, 3, 28, 23, tzinfo=datetime.UTC)

    def now():
        return first + datetime.timedelta(seconds=(time.time() - began) * 300)

    def sleep_until(then):
        time.sleep(max(0, (then - now()).total_seconds() / 300))

    def command(_):
        return [sys.executable, "-S", "-c", JOB, str(folder / "done")]

    world = World(now, sleep_until, lambda: False, lambda line: None, lambda: None)
    print("up", flush=True)
    serve(
        Schedule(cron="* * * * *", time_zone="Europe/Berlin"),
        ScheduleStore(folder / "state.sqlite"),
        RunProcesses(str(folder / "runs"), command, lambda: False),
        world,
    )


@pytest.mark.slow
@pytest.mark.parametrize("all_die", [False, True], ids=["the schedule", "the schedule and the run"])
def test_killed_with_9_at_10_random_moments_it_loses_no_run_and_doubles_none(tmp_path, all_die):
    chance, began, log = random.Random(11), time.time(), tmp_path / "log"
    for _ in range(10):
        log.unlink(missing_ok=True)
        driver = start(serve_quickly, tmp_path, began, log=log)
        wait_for(lambda: log.exists() and log.read_text().startswith("up\n"), 60, [driver])
        time.sleep(chance.uniform(0.1, 0.4))
        driver.kill()
        driver.wait()
        if all_die:
            kill_what_is_left(tmp_path / "runs")
    driver = start(serve_quickly, tmp_path, began, log=log)
    store = ScheduleStore(tmp_path / "state.sqlite")
    before = len(store.history(1000))
    wait_for(lambda: len(store.history(1000)) > before + 2)
    driver.kill()
    driver.wait()

    history = store.history(1000)[::-1]
    settled = [run for run in history if run.state == "done"]
    assert len(history) - len(settled) <= 1
    assert len(settled) > 1
    # No firing is lost: each is in one run.
    first = settled[0].scheduled - settled[0].firings * datetime.timedelta(minutes=1)
    following = firings("* * * * *", "Europe/Berlin", first)
    for run in history:
        covered = [next(following) for _ in range(run.firings)]
        assert covered[-1] == run.scheduled
    # No run is doubled. A job that was itself killed after its last act is the one exception
    # that no one outside it can tell from a job that was killed before.
    lines = collections.Counter((tmp_path / "done").read_text().split())
    assert {run.scheduled.isoformat() for run in settled} <= set(lines)
    if not all_die:
        assert set(lines.values()) == {1}
    outcomes = collections.Counter(
        outcome.parent.name.rsplit("-", 1)[0]
        for outcome in tmp_path.glob("runs/*/outcome.json")
        if json.loads(outcome.read_text())["exit_code"] == 0
    )
    assert set(outcomes.values()) == {1}
