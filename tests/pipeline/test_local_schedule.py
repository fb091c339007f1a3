"""The schedule on one machine, under another clock and through kills at every step."""

import datetime
import itertools
import random
import zoneinfo

import pytest

from pipeline.local_schedule import Outcome, World, firings, serve
from pipeline.schedule_store import ScheduleStore
from settings.schedule import Schedule

START = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
DONE = Outcome(0, {"Trainer": "ran", "Pusher": "cached"})
CACHED = Outcome(0, {"Trainer": "cached", "Pusher": "cached"})
FAILED = Outcome(1, {"Trainer": "failed"}, "Trainer failed: out of memory")
CUT_OFF = Outcome(130, {}, "interrupted", cut_off=True)


class Killed(BaseException):
    """A kill -9 of the schedule, as far as a test in one process can have it."""


class Clock:
    """A world in which waiting is the only thing that takes time."""

    def __init__(self, until, start=START):
        self.time, self.until, self.said = start, until, []
        self.in_use_until = start  # the root, by another run

    def now(self):
        return self.time

    def wait_until(self, instant):
        self.time = max(self.time, min(instant, self.until))

    def is_stopping(self):
        return self.time >= self.until

    def root_holder(self):
        return "process 7" if self.time < self.in_use_until else None

    def world(self):
        return World(
            self.now, self.wait_until, self.is_stopping, self.said.append, self.root_holder
        )


class Runs:
    """Attempts that live beside the schedule: they end in their time though it is killed."""

    def __init__(self, clock, minutes=5, outcomes=None):
        self.clock, self.length = clock, datetime.timedelta(minutes=minutes)
        self.outcomes = outcomes or (lambda run: DONE)
        self.began = {}

    def start(self, run):
        key = (run.scheduled, run.attempt)
        assert key not in self.began
        alive = [k for k, began in self.began.items() if began + self.length > self.clock.time]
        assert not alive, "two runs at a time"
        self.began[key] = self.clock.time

    def collect(self, run):
        began = self.began.get((run.scheduled, run.attempt))
        if began is None:
            return None
        self.clock.wait_until(began + self.length)
        return CUT_OFF if self.clock.time < began + self.length else self.outcomes(run)


def weekly(**more):
    return Schedule(cron="0 3 * * 1", time_zone="Europe/Berlin", **more)


def served(schedule, store, clock, runs):
    serve(schedule, store, runs, clock.world())
    return store.history(100_000)[::-1]


@pytest.fixture(autouse=True)
def _attempts_are_not_spread(monkeypatch):
    monkeypatch.setattr("pipeline.local_schedule.random.uniform", lambda low, high: 1.0)


@pytest.fixture
def store(tmp_path):
    return ScheduleStore(tmp_path / "state.sqlite")


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


class Deadly:
    """Passes calls on to `target` and kills before or after the one that is due to die."""

    def __init__(self, target, fate):
        self._target, self._fate = target, fate

    def __getattr__(self, name):
        method = getattr(self._target, name)

        def call(*arguments):
            self._fate.step()
            answer = method(*arguments)
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
