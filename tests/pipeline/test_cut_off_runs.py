"""Runs of the schedule on one machine that a stop, a failure or a kill ends with it."""

import contextlib
import datetime
import itertools
import random
import sqlite3

import pytest

from pipeline.local_schedule import firings, serve
from pipeline.schedule_store import ScheduleStore
from settings.schedule import Schedule
from tests.pipeline.schedule_worlds import FAILED, START, Clock, Killed, Runs, served, weekly


def test_a_run_that_the_stop_cut_off_is_run_by_the_next_start(store):
    clock = Clock(until=datetime.datetime(2026, 1, 5, 2, 3, tzinfo=datetime.UTC))
    [run] = served(weekly(), store, clock, Runs(clock, minutes=5))
    assert (run.state, run.open, run.failures) == ("owed", False, 0)
    clock.until += datetime.timedelta(hours=1)
    [run] = served(weekly(), store, clock, Runs(clock))
    assert (run.state, run.attempt) == ("done", 2)


def test_a_run_whose_failure_stops_the_schedule_each_time_is_given_up(store):
    clock = Clock(until=datetime.datetime(2026, 1, 5, 2, 1, tzinfo=datetime.UTC))
    for failures in (1, 2, 3):
        runs = Runs(clock, minutes=1, outcomes=lambda run: FAILED)
        [run] = served(weekly(retries=2), store, clock, runs)
        assert (run.failures, len(runs.began)) == (failures, 1)
        clock.until = run.not_before + datetime.timedelta(minutes=1)
    assert (run.state, run.note) == ("failed", FAILED.cause)


def test_attempts_that_end_without_an_outcome_wait_and_are_given_up(store):
    schedule = weekly(retries=2, retry_after_seconds=60)
    clock = Clock(until=START + datetime.timedelta(days=8))
    runs = Runs(clock, minutes=1, outcomes=lambda run: None)
    [run] = served(schedule, store, clock, runs)
    began = list(runs.began.values())
    assert [(b - a).seconds for a, b in itertools.pairwise(began)] == [120, 180]
    assert (run.state, run.attempt) == ("failed", 3)
    assert "failed 3 times and is given up: its process was killed or did not" in clock.said[-1]


def test_a_run_that_was_cut_off_with_its_schedule_starts_again_at_once(store):
    clock = Clock(until=START + datetime.timedelta(days=8))

    def switch_off(run):
        raise Killed

    with pytest.raises(Killed):
        served(weekly(retries=0), store, clock, Runs(clock, outcomes=switch_off))
    clock.time, runs = clock.time + datetime.timedelta(hours=1), Runs(clock)
    [run] = served(weekly(retries=0), store, clock, runs)
    assert (run.state, run.attempt, run.failures) == ("done", 2, 0)
    assert runs.began == {(run.scheduled, 2): run.scheduled + datetime.timedelta(minutes=65)}


def test_a_run_that_takes_its_schedule_with_it_each_time_is_given_up(store):
    clock = Clock(until=START + datetime.timedelta(days=8))

    def switch_off(run):
        raise Killed

    for _ in range(12):
        with pytest.raises(Killed):
            served(weekly(retries=1), store, clock, Runs(clock, outcomes=switch_off))
        clock.time += datetime.timedelta(minutes=20)
        # What the next start finds: no process, and no outcome.
    [run] = served(weekly(retries=1), store, clock, Runs(clock))
    assert (run.state, run.attempt, run.failures) == ("failed", 12, 2)
    assert "failed 2 times and is given up: it was killed with its schedule" in clock.said[-1]


def test_a_run_that_was_stopped_often_may_still_be_killed(store):
    clock = Clock(until=datetime.datetime(2026, 1, 5, 2, 3, tzinfo=datetime.UTC))
    for _ in range(12):
        [run] = served(weekly(retries=0), store, clock, Runs(clock, minutes=50))
        clock.until += datetime.timedelta(minutes=10)
    assert (run.state, run.attempt, run.killed) == ("owed", 12, 0)


def test_a_store_of_an_earlier_version_goes_on(tmp_path):
    file = tmp_path / "state.sqlite"
    with contextlib.closing(ScheduleStore(file)) as store:
        store.follow("0 3 * * *", "UTC", START)
        store.fall_due(START, 1)
    with contextlib.closing(sqlite3.connect(file)) as old:
        old.execute("ALTER TABLE run DROP COLUMN killed")
    with contextlib.closing(ScheduleStore(file)) as store:
        store.abandon_attempt(store.owed(), killed=True)
        assert store.owed().killed == 1


class Deadly:
    """Passes calls on to `target` and kills before or after the one that is due to die."""

    def __init__(self, target, fate):
        self._target, self._fate = target, fate

    def __getattr__(self, name):
        method = getattr(self._target, name)

        def call(*arguments, **options):
            self._fate.step()
            answer = method(*arguments, **options)
            self._fate.step()
            return answer

        return call


class Fate:
    def __init__(self, chance):
        self.left, self._chance = 0, chance
        self.spare()

    def spare(self):
        self.left = self._chance.randrange(1, 60)

    def step(self):
        self.left -= 1
        if self.left == 0:
            raise Killed


@pytest.mark.slow
@pytest.mark.parametrize("machine_dies", [False, True], ids=["schedule killed", "machine killed"])
@pytest.mark.parametrize("seed", range(4))
def test_killed_at_random_moments_it_loses_no_run_and_doubles_none(tmp_path, seed, machine_dies):
    chance = random.Random(seed)
    schedule = Schedule(cron="*/30 * * * *", time_zone="Europe/Berlin")
    start = datetime.datetime(2026, 10, 24, 20, tzinfo=datetime.UTC)
    clock = Clock(until=start + datetime.timedelta(days=2), start=start)
    runs, fate, kills = Runs(clock, minutes=7), Fate(chance), 0
    while clock.time < clock.until:
        store = ScheduleStore(tmp_path / "state.sqlite")
        try:
            serve(schedule, Deadly(store, fate), Deadly(runs, fate), clock.world())
        except Killed:
            kills += 1
            fate.spare()
            if machine_dies:
                cut = [k for k, t in runs.began.items() if t + runs.length > clock.time]
                for key in cut:
                    del runs.began[key]
            clock.time += datetime.timedelta(minutes=chance.choice([0, 1, 10, 100]))
        store.close()
    assert kills >= 20

    history = ScheduleStore(tmp_path / "state.sqlite").history(1000)[::-1]
    settled = [run for run in history if run.state != "owed"]
    assert {run.state for run in settled} == {"done"}
    assert len(history) - len(settled) <= 1, "only the last one may still be owed"
    wanted = itertools.takewhile(
        lambda t: t <= history[-1].scheduled, firings(schedule.cron, schedule.time_zone, start)
    )
    assert sum(run.firings for run in history) == len(list(wanted))
    whole = [scheduled for scheduled, _ in runs.began]
    assert len(whole) == len(set(whole)), "no run was done twice"
