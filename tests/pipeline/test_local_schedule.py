"""The schedule on one machine, under another clock."""

import datetime
import itertools
import zoneinfo

import pytest

from pipeline.local_schedule import Outcome
from settings.schedule import Schedule
from tests.pipeline.schedule_worlds import CACHED, DONE, FAILED, START, Clock, Runs, served, weekly


@pytest.mark.slow
@pytest.mark.parametrize("zone", ["Europe/Berlin", "Australia/Lord_Howe"])
def test_a_year_of_nightly_runs_has_one_for_each_night_at_the_same_local_time(store, zone):
    schedule = Schedule(cron="30 2 * * *", time_zone=zone)
    clock = Clock(until=START + datetime.timedelta(days=365))
    history = served(schedule, store, clock, Runs(clock))
    local = [run.scheduled.astimezone(zoneinfo.ZoneInfo(zone)) for run in history]
    assert len({t.date() for t in local}) == len(history) == 365
    assert {run.state for run in history} == {"done"}
    assert {run.firings for run in history} == {1}
    in_time = {f"{t:%H:%M}" for t in local}
    assert in_time - {"03:00"} == {"02:30"}


def test_firings_during_a_long_run_become_one_run_that_follows_it(store):
    schedule = Schedule(cron="*/10 * * * *")
    clock = Clock(until=START + datetime.timedelta(hours=3))
    history = served(schedule, store, clock, Runs(clock, minutes=35))
    assert [run.firings for run in history[:3]] == [1, 3, 4]
    assert "for the 3 firings up to then" in clock.said[2]


def test_what_was_missed_while_nothing_served_becomes_one_run_at_the_next_start(store):
    clock = Clock(until=START + datetime.timedelta(days=8))
    served(weekly(), store, clock, Runs(clock))
    clock.time = START + datetime.timedelta(days=60, hours=3)
    clock.until = clock.time + datetime.timedelta(minutes=6)
    history = served(weekly(), store, clock, Runs(clock))
    assert [run.firings for run in history] == [1, 8]
    assert history[-1].scheduled.isoformat() == "2026-03-02T02:00:00+00:00"


def test_a_schedule_that_is_new_owes_nothing_from_before_it(store):
    clock = Clock(until=START + datetime.timedelta(days=2))
    assert served(weekly(), store, clock, Runs(clock)) == []


def test_a_schedule_that_changed_owes_nothing_from_before_the_change(store):
    clock = Clock(until=START + datetime.timedelta(days=2))
    served(weekly(), store, clock, Runs(clock))
    clock.time = START + datetime.timedelta(days=30)
    clock.until = clock.time + datetime.timedelta(hours=2, minutes=30)
    history = served(Schedule(cron="0 * * * *"), store, clock, Runs(clock))
    assert [run.scheduled.day for run in history] == [31, 31]
    assert "has changed" in clock.said[0]


def test_a_clock_set_back_repeats_nothing(store):
    schedule = Schedule(cron="0 * * * *")
    clock = Clock(until=START + datetime.timedelta(hours=5, minutes=30))
    served(schedule, store, clock, Runs(clock))
    clock.time = START + datetime.timedelta(hours=2)
    clock.until = START + datetime.timedelta(hours=6, minutes=30)
    history = served(schedule, store, clock, Runs(clock))
    assert [run.scheduled.hour for run in history] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("last", [DONE, FAILED])
def test_a_clock_that_was_years_ahead_does_not_silence_the_schedule(store, last):
    schedule = Schedule(cron="0 * * * *", retries=1)
    clock = Clock(until=START + datetime.timedelta(days=3650, hours=1, minutes=7))
    clock.time = START + datetime.timedelta(days=3650)
    served(schedule, store, clock, Runs(clock, outcomes=lambda run: last))
    clock.time = START
    clock.until = START + datetime.timedelta(hours=3, minutes=30)
    history = served(schedule, store, clock, Runs(clock))
    assert [run.scheduled.hour for run in history if run.scheduled.year == 2026] == [1, 2, 3]
    assert {run.state for run in history} == {"done"}
    assert "The clock was set back by 3650 days" in " ".join(clock.said)


@pytest.mark.parametrize("year", [1970, 2099])
def test_a_clock_that_is_wrong_at_a_boot_costs_no_run_and_loses_none(store, year):
    schedule = Schedule(cron="0 * * * *")
    clock = Clock(until=START + datetime.timedelta(hours=3, minutes=30))
    served(schedule, store, clock, Runs(clock))
    clock.time = START.replace(year=year, minute=1)
    clock.until = clock.time + datetime.timedelta(minutes=1)
    served(schedule, store, clock, Runs(clock))
    clock.time = START + datetime.timedelta(hours=6, minutes=30)
    clock.until = START + datetime.timedelta(hours=7, minutes=30)
    history = served(schedule, store, clock, Runs(clock))
    assert [(run.scheduled.hour, run.firings) for run in history] == [
        *((1, 1), (2, 1), (3, 1)),
        *((6, 3), (7, 1)),
    ]
    assert {run.scheduled.year for run in history} == {START.year}


def test_a_schedule_that_is_new_when_the_clock_is_not_yet_right_owes_nothing(store):
    schedule = Schedule(cron="0 * * * *")
    boot = START.replace(year=1970, minute=1)
    clock = Clock(boot + datetime.timedelta(minutes=1), boot)
    served(schedule, store, clock, Runs(clock))
    clock.time = START + datetime.timedelta(minutes=30)
    clock.until = clock.time + datetime.timedelta(hours=1)
    [run] = served(schedule, store, clock, Runs(clock))
    assert (run.scheduled, run.firings) == (START + datetime.timedelta(hours=1), 1)
    assert "The clock was set ahead by 20454 days; the new time applies" in clock.said[0]


def test_a_schedule_that_fires_after_eight_years_does_so(store):
    schedule = Schedule(cron="0 0 29 2 *")
    start = datetime.datetime(2096, 2, 29, 1, tzinfo=datetime.UTC)
    clock = Clock(start + datetime.timedelta(minutes=1), start)
    served(schedule, store, clock, Runs(clock))
    clock.time = start.replace(year=2104)
    clock.until = clock.time + datetime.timedelta(hours=1)
    [run] = served(schedule, store, clock, Runs(clock))
    assert (run.scheduled.year, run.state) == (2104, "done")


def test_a_moment_that_comes_twice_runs_once(store):
    schedule = Schedule(cron="0 3 * * *")
    clock = Clock(until=START + datetime.timedelta(days=10))
    runs = Runs(clock)
    served(schedule, store, clock, runs)
    clock.time = START + datetime.timedelta(days=2)
    assert len(served(schedule, store, clock, runs)) == 10


def test_a_run_of_which_everything_was_cached_is_nothing_new(store):
    clock = Clock(until=START + datetime.timedelta(days=8))
    [run] = served(weekly(), store, clock, Runs(clock, outcomes=lambda run: CACHED))
    assert run.note == "nothing new"
    assert clock.said[-1].endswith("is done: nothing new.")


def test_a_failed_run_is_tried_again_after_waits_that_double_and_then_is_reported(store):
    schedule = weekly(retries=3, retry_after_seconds=60)
    clock = Clock(until=START + datetime.timedelta(days=8))
    runs = Runs(clock, minutes=1, outcomes=lambda run: FAILED)
    [run] = served(schedule, store, clock, runs)
    began = list(runs.began.values())
    assert [(b - a).seconds for a, b in itertools.pairwise(began)] == [120, 180, 300]
    assert (run.state, run.failures, run.attempt) == ("failed", 4, 4)
    assert run.note == "Trainer failed: out of memory"
    assert "failed 4 times and is given up: Trainer failed" in clock.said[-1]


def test_no_wait_is_longer_than_an_hour_however_often_a_run_failed(store, monkeypatch):
    monkeypatch.setattr("pipeline.local_schedule.random.uniform", lambda low, high: high)
    schedule = weekly(retries=31, retry_after_seconds=86_400)
    clock = Clock(until=START + datetime.timedelta(days=8))
    runs = Runs(clock, minutes=1, outcomes=lambda run: FAILED)
    served(schedule, store, clock, runs)
    began = list(runs.began.values())
    assert {b - a for a, b in itertools.pairwise(began)} == {datetime.timedelta(minutes=61)}
    assert len(began) == 32


def test_a_run_that_succeeds_at_the_second_attempt_is_done(store):
    clock = Clock(until=START + datetime.timedelta(days=8))
    outcomes = iter([FAILED, DONE])
    [run] = served(weekly(), store, clock, Runs(clock, outcomes=lambda run: next(outcomes)))
    assert (run.state, run.attempt, run.note) == ("done", 2, "Trainer ran")


def test_a_mistake_in_the_configuration_is_not_tried_again(store):
    clock = Clock(until=START + datetime.timedelta(days=8))
    mistake = Outcome(2, {}, "digits.yaml:4: seed: given x")
    [run] = served(weekly(), store, clock, Runs(clock, outcomes=lambda run: mistake))
    assert (run.state, run.attempt) == ("failed", 1)


def test_after_a_run_that_failed_the_schedule_goes_on(store):
    clock = Clock(until=START + datetime.timedelta(days=15))
    outcomes = iter([FAILED, DONE])
    history = served(
        weekly(retries=0), store, clock, Runs(clock, outcomes=lambda run: next(outcomes))
    )
    assert [run.state for run in history] == ["failed", "done"]
