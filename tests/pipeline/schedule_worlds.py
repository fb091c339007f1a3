"""Another clock, and runs that take no time but the clock's, for tests of the local schedule."""

import datetime

from pipeline.local_schedule import Outcome, World, serve
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
