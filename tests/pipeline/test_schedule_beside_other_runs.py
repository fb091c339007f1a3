"""The schedule on this machine while a run that it did not start uses the root."""

import datetime
import os

import pytest

from pipeline.root_lock import hold
from pipeline.schedule_store import ScheduleStore
from settings.schedule import Schedule
from tests.pipeline.test_local_schedule import START, Clock, Runs, served
from tests.pipeline.test_schedule_here import serving

HOURLY = Schedule(cron="0 * * * *", retries=0)


def test_a_run_waits_while_another_one_uses_the_root_and_what_falls_due_becomes_one(tmp_path):
    clock = Clock(until=START + datetime.timedelta(hours=6, minutes=30))
    clock.in_use_until = START + datetime.timedelta(hours=4, minutes=10)
    history = served(HOURLY, ScheduleStore(tmp_path / "state.sqlite"), clock, Runs(clock))

    assert {(run.state, run.attempt) for run in history} == {("done", 1)}
    assert [run.firings for run in history] == [1, 3, 1, 1]
    [waited] = [line for line in clock.said if "waits" in line]
    assert waited == "The run of 2026-01-01 01:00 UTC waits for process 7, which uses the root."


def test_a_stop_ends_the_wait_and_the_run_is_still_owed(tmp_path):
    clock = Clock(until=START + datetime.timedelta(hours=2))
    clock.in_use_until = START + datetime.timedelta(hours=9)
    [run, *_] = served(HOURLY, ScheduleStore(tmp_path / "state.sqlite"), clock, Runs(clock))
    assert (run.state, run.attempt) == ("owed", 0)


@pytest.mark.slow
def test_the_run_that_holds_the_root_is_named(tmp_path):
    store = ScheduleStore(tmp_path / "schedule" / "state.sqlite")
    store.follow("0 3 * * 1", "UTC", datetime.datetime.now(datetime.UTC))
    store.fall_due(datetime.datetime(2026, 3, 2, 3, tzinfo=datetime.UTC), 1)
    store.close()
    with hold(tmp_path):
        process = serving(str(tmp_path))
        said = process.stdout.readline()
        process.kill()
        process.wait()
    assert f"The run of 2026-03-02 03:00 UTC waits for process {os.getpid()} on " in said
