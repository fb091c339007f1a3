"""The verbs of the local schedule, in a process of their own where that matters."""

import datetime
import os
import re
import signal
import subprocess
import sys
import time

import pytest

from failures import ConfigurationError, Failure
from pipeline.root_lock import hold
from pipeline.schedule_here import command_of, run_schedule, show_status, stop_schedule
from pipeline.schedule_store import ScheduleStore
from settings.reading import load
from settings.schedule import Schedule
from tests.processes import wait_for

MONDAY = datetime.datetime(2026, 3, 2, 2, tzinfo=datetime.UTC)


@pytest.fixture
def configuration(tmp_path):
    weekly = "schedule={cron: '0 3 * * 1', time_zone: Europe/Berlin}"
    return load("configs/digits.yaml", [f"root={tmp_path}", weekly])


def scheduled(configuration, **keys):
    schedule = Schedule(cron="* * * * *", **keys)
    return configuration.model_copy(update={"schedule": schedule})


@pytest.fixture
def store(tmp_path):
    store = ScheduleStore(tmp_path / "schedule" / "state.sqlite")
    store.follow("0 3 * * 1", "Europe/Berlin", MONDAY - datetime.timedelta(days=1))
    yield store
    store.close()


def status_of(configuration):
    said = []
    return show_status(configuration, said.append), said


def test_the_status_of_a_schedule_that_never_ran_makes_no_file(configuration, tmp_path):
    code, said = status_of(configuration)
    assert code == 3
    assert said[-1] == "No run has fallen due yet."
    assert list(tmp_path.iterdir()) == []


def test_the_status_shows_what_was_and_what_comes(configuration, store):
    store.fall_due(MONDAY, 2)
    store.settle(store.owed(), "done", MONDAY, "nothing new")
    code, said = status_of(configuration)
    assert code == 3
    assert said[-1] == "2026-03-02 03:00 CET  done     nothing new"
    assert said[2].startswith("next      ")
    assert "03:00" in said[2]


@pytest.mark.parametrize(
    ("now", "in_words"),
    [
        ({"cron": "1 2 3 4 5"}, "1 2 3 4 5 (Europe/Berlin)"),
        ({"time_zone": "UTC"}, "0 3 * * 1 (UTC)"),
        ({"enabled": False}, "0 3 * * 1 (Europe/Berlin), off: schedule.enabled is false"),
    ],
)
def test_the_status_shows_what_is_served_and_what_the_file_says_since(
    configuration, store, tmp_path, now, in_words
):
    changed = configuration.schedule.model_copy(update=now)
    with hold(tmp_path / "schedule"):
        _, said = status_of(configuration.model_copy(update={"schedule": changed}))
        assert said[1] == "schedule  0 3 * * 1 (Europe/Berlin)"
        assert said[2].strip() == (
            f"This configuration says {in_words}: a restart of the schedule applies it."
        )
        assert re.fullmatch("next      .* 03:00 CES?T", said[3])
        assert not any("file" in line for line in status_of(configuration)[1])


def test_the_status_is_1_when_the_last_run_failed(configuration, store):
    store.fall_due(MONDAY, 1)
    store.settle(store.owed(), "failed", MONDAY, "Trainer failed: no room")
    assert status_of(configuration)[0] == 1


@pytest.mark.parametrize(("ahead", "since", "code"), [("failed", "done", 3), ("done", "failed", 1)])
def test_the_status_judges_by_the_last_run_though_one_before_it_had_a_clock_years_ahead(
    configuration, store, ahead, since, code
):
    later = MONDAY.replace(year=2036)
    for scheduled_at, state in ((later, ahead), (MONDAY, since)):
        store.fall_due(scheduled_at, 1)
        store.settle(store.owed(), state, scheduled_at, "")
    status, said = status_of(configuration)
    assert status == code
    assert [line.split()[0] for line in said[-2:]] == ["2026-03-02", "2036-03-02"]


def test_a_run_of_a_clock_years_ahead_is_forgotten_like_any_other(store):
    store.fall_due(MONDAY.replace(year=2036), 1)
    for minute in range(1001):
        store.settle(store.owed(), "done", MONDAY, "")
        store.fall_due(MONDAY + datetime.timedelta(minutes=minute), 1)
    runs = store.history(2000)
    assert len(runs) == 1001  # One is owed.
    assert {run.scheduled.year for run in runs} == {2026}


def test_a_schedule_that_is_off_is_not_served(configuration, tmp_path):
    said = []
    assert run_schedule(scheduled(configuration, enabled=False), "x.yaml", say=said.append) == 0
    assert said == ["The schedule is off: schedule.enabled is false."]
    assert list(tmp_path.iterdir()) == []


def test_a_parameter_replaces_the_key_that_kubeflow_parameters_names(configuration):
    configuration = scheduled(configuration, parameters={"epochs": 3})
    words = command_of(configuration, "x.yaml", ["seed=1"])("results.json")
    assert words[1:] == [
        *("-m", "pipeline", "run", "--config", "x.yaml"),
        *("--set", "seed=1", "--set", "training.epochs=3", "--results", "results.json"),
    ]


@pytest.mark.parametrize(
    ("parameters", "cause"),
    [
        ({"epoch": 3}, "epoch: not in kubeflow.parameters; .* did you mean epochs"),
        ({"epochs": 0}, "training.epochs: given 0; allowed"),
    ],
)
def test_a_wrong_parameter_is_refused_before_anything_runs(configuration, parameters, cause):
    with pytest.raises(ConfigurationError, match=cause):
        run_schedule(scheduled(configuration, parameters=parameters), "x.yaml")


_SERVE = """
import sys
from failures import ConfigurationError, Failure
from pipeline.schedule_here import run_schedule
from settings.reading import load
overrides = ["root=" + sys.argv[1], "schedule.cron=0 3 * * 1"]
configuration = load("configs/digits.yaml", overrides)
try:
    sys.exit(run_schedule(configuration, "x.yaml", say=lambda line: print(line, flush=True)))
except Failure as failure:
    sys.exit(str(failure))
"""


def serving(root):
    process = subprocess.Popen(
        [sys.executable, "-c", _SERVE, root], stdout=subprocess.PIPE, text=True
    )
    assert "Serving 0 3 * * 1 (UTC)" in process.stdout.readline()
    return process


@pytest.mark.slow
def test_stop_ends_the_process_that_serves(configuration):
    process, said = serving(configuration.root), []
    assert status_of(configuration)[0] == 0
    assert f"process {process.pid}" in status_of(configuration)[1][0]
    assert stop_schedule(configuration, said.append) == 0
    assert process.wait(10) == 0
    assert said == ["The schedule has stopped. A run that it cut off continues at the next start."]
    assert stop_schedule(configuration, said.append) == 0
    assert said[-1].startswith("No schedule is served")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_as_a_stop_does(configuration, number):
    process = serving(configuration.root)
    time.sleep(0.2)
    os.kill(process.pid, number)
    assert process.wait(10) == 0
    assert "has stopped" in process.stdout.read()


@pytest.mark.slow
def test_one_whose_reader_is_gone_goes_on_until_it_is_stopped(configuration, store):
    reader, writer = os.pipe()
    os.close(reader)
    words = ("--config", "configs/digits.yaml", "--set", "schedule.cron=0 4 * * 1")
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline", "schedule", "run", "--local", *words]
        + ["--set", f"root={configuration.root}"],
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(writer)
    # After two lines, of which the second says that the schedule has changed.
    wait_for(lambda: store.followed() == ("0 4 * * 1", "UTC"), processes=[process])
    assert stop_schedule(configuration, lambda line: None) == 0
    assert process.communicate(timeout=10)[1] == ""
    assert process.returncode == 0


@pytest.mark.slow
def test_a_second_one_is_refused_and_says_who_serves(configuration):
    process = serving(configuration.root)
    second = subprocess.run(
        [sys.executable, "-c", _SERVE, configuration.root], capture_output=True, text=True
    )
    process.kill()
    process.wait()
    assert second.returncode == 1
    assert f"already served by process {process.pid}" in second.stderr
    assert second.stderr.count("\n") == 1


@pytest.mark.slow
def test_one_that_does_not_stop_is_reported(configuration, store, tmp_path):
    code = (
        "import sys, time; from pipeline.root_lock import hold\n"
        "with hold(sys.argv[1]): print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "schedule")],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(Failure, match=f"process {holder.pid} .* has not stopped"):
        stop_schedule(configuration, lambda line: None, patience_seconds=0.3)
    holder.kill()
    holder.wait()


def test_a_root_that_cannot_be_written_is_reported_in_one_line(configuration, tmp_path):
    (tmp_path / "schedule").write_text("a file, where a folder is wanted")
    with pytest.raises(Failure, match="cannot be"):
        run_schedule(configuration, "x.yaml")


def test_a_file_that_is_not_a_store_is_reported_in_one_line(configuration, tmp_path):
    with hold(tmp_path / "schedule"):
        (tmp_path / "schedule" / "state.sqlite").write_bytes(b"not a database at all" * 100)
    with pytest.raises(Failure, match=r"state\.sqlite cannot be kept"):
        run_schedule(configuration, "x.yaml")
