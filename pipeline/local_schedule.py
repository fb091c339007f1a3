"""The schedule on one machine: one run at a time, none lost, none twice, whatever is killed.

Each turn of the loop reads from the store what is owed and takes one step. The store and the
attempts' files are the only state, so a start after a kill is a turn like any other.
APScheduler does not fit: its stores are pickled, it advances a job's next time while the job
still runs, so that a kill loses the run, and its crontab counts Monday as 0.
"""

import dataclasses
import datetime
import itertools
import random
import zoneinfo
from collections.abc import Callable

from cronsim import CronSim

from failures import ConfigurationError
from pipeline.schedule_store import ScheduleStore
from settings.schedule import Schedule

_LONGEST_WAIT = datetime.timedelta(hours=1)  # between two attempts of one run
_LONGEST_SLEEP = datetime.timedelta(hours=1)  # until the next look at the clock
_NEXT_LOOK = datetime.timedelta(seconds=5)  # at whether the root is free
_CLOCK_WAS_WRONG = datetime.timedelta(days=1)  # a clock set back further was wrong before
_LONGEST_GAP = datetime.timedelta(days=3660)  # February 29 comes after eight years at most.
_FINAL = (ConfigurationError.exit_code,)  # No retry mends a mistake in the configuration.


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How an attempt ended."""

    exit_code: int
    results: dict  # {component: "ran", "cached" or "failed"}, as far as it came
    cause: str = ""  # of a failure, in one line
    cut_off: bool = False  # by a stop of the schedule; no failure of the run


@dataclasses.dataclass(frozen=True)
class OutOfReach:
    """An attempt that a stop cannot end, because another machine runs it."""

    where: str  # in words


# Of an attempt whose processes are gone though the schedule that began it is not.
_NOTHING = Outcome(1, {}, "its process was killed or did not start (output.log may say why)")
# A machine goes down now and then. Where each attempt takes the schedule with it, it is the run.
_MOST_KILLED = 10
_CUT_OFF = Outcome(1, {}, "it was killed with its schedule, perhaps for lack of memory")


@dataclasses.dataclass(frozen=True)
class World:
    """What the schedule knows of the world; tests pass another one."""

    now: Callable[[], datetime.datetime]  # aware
    wait_until: Callable[[datetime.datetime], None]  # may return early
    is_stopping: Callable[[], bool]
    say: Callable[[str], None]
    root_holder: Callable[[], str | None]  # which other run uses the root, in words


def serve(schedule: Schedule, store: ScheduleStore, attempts, world: World) -> None:
    """Runs what falls due until the world stops it.

    Args:
      attempts: `start(run)` starts the process of the attempt `run.attempt`, or returns the
        Outcome of one that cannot be started; `collect(run)` waits for its end and returns its
        Outcome, None when it was cut off without one, or OutOfReach when it outlives a stop.
    """
    if store.follow(schedule.cron, schedule.time_zone, world.now()):
        world.say("The schedule has changed; the new one applies from now on.")
    begun = None  # the last attempt of this process, and not of one before a kill
    waited_for = None  # the last other run that was named
    while not world.is_stopping():
        _follow_the_clock(store, world)
        run = store.owed() or _fall_due(schedule, store, world)
        if run is None:
            following = upcoming(schedule, store.accounted_until(), 1)[0]
            world.wait_until(min(following, world.now() + _LONGEST_SLEEP))
        elif run.open:
            outcome = attempts.collect(run) or _of_none(run, begun)
            _learn(run, outcome, schedule, store, world)
        elif world.now() < run.not_before <= world.now() + 2 * _LONGEST_WAIT:
            world.wait_until(run.not_before)
        elif other := world.root_holder():
            # The attempt would fail, and the next ones with it if the other run is a long one.
            if other != waited_for:
                waited_for = other
                world.say(
                    f"The run of {when(run, schedule)} waits for {other}, which uses the root."
                )
            world.wait_until(world.now() + _NEXT_LOOK)
        else:
            run = begun = store.begin_attempt(run)
            if refused := attempts.start(run):
                _learn(run, refused, schedule, store, world)
            else:
                world.say(f"The run of {when(run, schedule)} starts{_of_many(run)}.")


def _of_none(run, begun):
    """What an attempt without an outcome counts as; None: as one that was cut off."""
    if run == begun:
        return _NOTHING
    return _CUT_OFF if run.killed >= _MOST_KILLED else None


def _of_many(run):
    coalesced = f" for the {run.firings} firings up to then" if run.firings > 1 else ""
    return f"{coalesced}, attempt {run.attempt}" if run.attempt > 1 else coalesced


def _follow_the_clock(store, world):
    """Accounts for what a wrong clock, as one before its first correction, has left undone.

    A clock set back a little repeats nothing; one that was years ahead would block all, and one
    that was years behind would owe all firings since.
    """
    now, until = world.now(), store.accounted_until()
    newest = store.last_due(now)  # whatever the clock has been since
    if until - now > _CLOCK_WAS_WRONG:
        store.account_until(newest or now)
        world.say(_was_set("back", until - now))
        return
    if newest and newest > until:
        until = newest
        store.account_until(newest)
    if now - until > _LONGEST_GAP:
        store.account_until(now)
        world.say(_was_set("ahead", now - until))


def _was_set(which_way, by):
    return f"The clock was set {which_way} by {by.days} days; the new time applies from now on."


def when(run, schedule):
    local = run.scheduled.astimezone(zoneinfo.ZoneInfo(schedule.time_zone))
    return f"{local:%Y-%m-%d %H:%M %Z}"


def _fall_due(schedule, store, world):
    last, count = due(schedule.cron, schedule.time_zone, store.accounted_until(), world.now())
    if last is None:
        return None
    store.fall_due(last, count)
    return store.owed()


def _learn(run, outcome, schedule, store, world):
    """Records the outcome of the open attempt; None: it was cut off with the schedule itself.

    One that is out of reach stays open.
    """
    name = f"The run of {when(run, schedule)}"
    if isinstance(outcome, OutOfReach):
        world.say(
            f"{name} still runs on {outcome.where}: stop it there, or let the next start of the "
            "schedule wait for it."
        )
    elif outcome is None or outcome.cut_off:
        store.abandon_attempt(run, killed=outcome is None)
        then = "the next start runs it" if world.is_stopping() else "it starts again"
        world.say(f"{name} was cut off; {then}.")
    elif outcome.exit_code == 0:
        note = _what_it_did(outcome.results)
        store.settle(run, "done", world.now(), note)
        world.say(f"{name} is done: {note}.")
    elif outcome.exit_code in _FINAL or run.failures >= schedule.retries:
        store.settle(run, "failed", world.now(), outcome.cause)
        times = f" {run.failures + 1} times" if run.failures else ""
        world.say(f"{name} failed{times} and is given up: {outcome.cause}")
    else:
        wait = _wait_after(run.failures, schedule)
        store.retry_later(run, world.now() + wait, outcome.cause)
        world.say(f"{name} failed; again in {wait.total_seconds():.0f} s: {outcome.cause}")


def _what_it_did(results):
    if results and set(results.values()) == {"cached"}:
        return "nothing new"
    ran = [component for component, result in results.items() if result == "ran"]
    return f"{', '.join(ran)} ran" if ran else "it ran"


def _wait_after(failures, schedule):
    seconds = schedule.retry_after_seconds * 2.0**failures * random.uniform(0.9, 1.1)
    return datetime.timedelta(seconds=min(seconds, _LONGEST_WAIT.total_seconds()))


def upcoming(schedule, after, count):
    """The next firings, in the schedule's time zone."""
    zone = zoneinfo.ZoneInfo(schedule.time_zone)
    later = firings(schedule.cron, schedule.time_zone, after)
    return [instant.astimezone(zone) for instant in itertools.islice(later, count)]


def firings(cron, time_zone, after):
    """The instants at which the schedule fires, in order, without end, as Debian's cron has them.

    A firing in the hour that spring skips happens when that hour ends. A daily firing in the
    hour that autumn repeats happens once, in the first of the two. Schedules with `*` in the
    minute or the hour follow real time through both.

    Args:
      cron: five fields, checked.
      time_zone: IANA name of the zone in which they are read.
      after: aware datetime; the firings are later than it.

    Yields:
      Aware datetimes in UTC, strictly increasing.
    """
    zone = zoneinfo.ZoneInfo(time_zone)
    last = after.astimezone(datetime.UTC)
    for local in CronSim(cron, after.astimezone(zone)):
        instant = local.astimezone(datetime.UTC)
        # In a repeated hour the library may look back to its first pass.
        if instant > last:
            last = instant
            yield instant


def due(cron, time_zone, after, now):
    """The last firing in (after, now] and how many there were; (None, 0) for none."""
    last, count = None, 0
    for instant in firings(cron, time_zone, after):
        if instant > now:
            break
        last, count = instant, count + 1
    return last, count
