"""Serves, shows and stops the schedule of one pipeline root on this machine."""

import contextlib
import signal
import sqlite3
import sys
import threading
import time
from pathlib import Path
from zoneinfo import ZoneInfo

from failures import Failure
from files.locks import InUse, holder
from files.strict_json import text_of
from pipeline.local_schedule import World, serve, upcoming, when
from pipeline.quiet import unread_at_worst
from pipeline.root_lock import LOCK, hold
from pipeline.schedule_process import RunProcesses, utc_now, wait_until
from pipeline.schedule_store import ScheduleStore
from settings.run_parameters import with_run_parameters

_SHOWN_RUNS = 10


def run_schedule(configuration, file, overrides=(), say=print):
    """Serves the schedule until SIGTERM, Ctrl-C or `schedule stop`; returns the exit code.

    Args:
      configuration: the checked configuration; its `schedule` is not None.
      file: the configuration's path, which each run reads again.
      overrides: `key.path=value` texts that each run gets as --set.
    """
    schedule = configuration.schedule
    if not schedule.enabled:
        say("The schedule is off: schedule.enabled is false.")
        return 0
    command, zone = command_of(configuration, file, overrides), ZoneInfo(schedule.time_zone)
    folder = _folder(configuration)
    held = _held(configuration.root, folder, file)
    with held, _open_store(folder) as store, unread_at_worst():
        store.ask_to_stop(False)
        stopping = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopping.set())

        def is_stopping():
            return stopping.is_set() or store.is_asked_to_stop()

        world = World(
            now=utc_now,
            wait_until=lambda instant: wait_until(instant, utc_now, is_stopping),
            is_stopping=is_stopping,
            say=lambda line: say(f"{utc_now().astimezone(zone):%Y-%m-%d %H:%M:%S}  {line}"),
            root_holder=lambda: holder(Path(configuration.root) / LOCK),
        )
        world.say(
            f"Serving {schedule.cron} ({schedule.time_zone}) on {configuration.root}; the next "
            f"firing is at {_next(schedule)}."
        )
        attempts = RunProcesses(folder / "runs", command, is_stopping)
        serve(schedule, store, attempts, world)
        world.say("The schedule has stopped.")
    return 0


def show_status(configuration, say=print):
    """Prints who serves the schedule, what comes and what was.

    Returns:
      0: served, and the last run succeeded; 1: the last run failed; 3: not served.
    """
    schedule, folder = configuration.schedule, _folder(configuration)
    server, followed, runs = holder(folder / LOCK), None, []
    if (folder / "state.sqlite").exists():
        with _open_store(folder) as store:
            followed, runs = store.followed(), store.history(_SHOWN_RUNS)
    say(f"served    {f'by {server}' if server else 'no'}")
    if server and followed:
        schedule = _served(schedule, *followed)
    say(f"schedule  {_in_words(schedule)}")
    if schedule != configuration.schedule:
        now = _in_words(configuration.schedule)
        say(f"          This configuration says {now}: a restart of the schedule applies it.")
    if schedule.enabled:
        say(f"next      {_next(schedule)}")
    for run in runs:
        state = run.state if run.state != "owed" else "running" if run.open else "waiting"
        say(f"{when(run, schedule)}  {state:<8} {run.note}")
    if not runs:
        say("No run has fallen due yet.")
    settled = [run.state for run in runs if run.state != "owed"]
    if settled[:1] == ["failed"]:
        return 1
    return 0 if server else 3


def _served(schedule, cron, time_zone):
    """The schedule with when it fires, as the process that serves it has read at its start."""
    kept = {"cron": cron, "time_zone": time_zone, "enabled": True}
    return schedule.model_copy(update=kept)


def _in_words(schedule):
    off = "" if schedule.enabled else ", off: schedule.enabled is false"
    return f"{schedule.cron} ({schedule.time_zone}){off}"


def stop_schedule(configuration, say=print, patience_seconds=90.0):
    """Asks the process that serves the schedule to end, and waits for it."""
    folder = _folder(configuration)
    server = holder(folder / LOCK)
    if server is None:
        say(f"No schedule is served on {configuration.root}.")
        return 0
    with _open_store(folder) as store:
        store.ask_to_stop(True)
    began = time.monotonic()
    while holder(folder / LOCK) is not None:
        if time.monotonic() - began > patience_seconds:
            raise Failure(
                f"The schedule's {server} has not stopped within {patience_seconds:.0f} s. "
                "See what it does, or end that process."
            )
        time.sleep(0.2)
    say("The schedule has stopped. A run that it cut off continues at the next start.")
    return 0


def command_of(configuration, file, overrides):
    """A function from the path for a run's results to the words of its command."""
    words = [sys.executable, "-m", "pipeline", "run", "--config", str(file)]
    for override in [*overrides, *_given(configuration)]:
        words += ["--set", override]
    return lambda results: [*words, "--results", str(results)]


def _given(configuration):
    """schedule.parameters as overrides of the keys that kubeflow.parameters names."""
    values = configuration.schedule.parameters
    with_run_parameters(configuration, values)
    keys = configuration.kubeflow.parameters
    return [f"{keys[name]}={text_of(value)}" for name, value in values.items()]


def _folder(configuration):
    return Path(configuration.root) / "schedule"


def _held(root, folder, file):
    try:
        return hold(folder)
    except InUse as error:
        raise Failure(
            f"The schedule of {root} is already served by {error.holder}. To stop that one: "
            f"python -m pipeline schedule stop --local --config {file}."
        ) from None


@contextlib.contextmanager
def _open_store(folder):
    file = folder / "state.sqlite"
    try:
        store = ScheduleStore(file)
    except (sqlite3.Error, OSError) as error:
        raise _cannot_be_kept(file, error) from None
    with contextlib.closing(store):
        try:
            yield store
        except sqlite3.Error as error:
            raise _cannot_be_kept(file, error) from None


def _cannot_be_kept(file, error):
    return Failure(
        f"{file} cannot be kept: {error}. Free space, or make it writable, and start again."
    )


def _next(schedule):
    return f"{upcoming(schedule, utc_now(), 1)[0]:%Y-%m-%d %H:%M %Z}"
