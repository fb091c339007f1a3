"""Starts the processes of scheduled runs, takes them over after a kill, and stops them."""

import contextlib
import dataclasses
import datetime
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from files import locks, writing
from pipeline.local_schedule import Outcome, OutOfReach

SCHEDULED_TIME = "STEADYFEED_SCHEDULED_TIME"  # in a run's environment; ISO 8601, UTC
_POLL_SECONDS = 0.25
_KEPT_FOLDERS = 100
_LAST_LINES = 4096  # bytes of output that are read for a cause
_INTERRUPTED = (-signal.SIGTERM, 130)  # while the run starts, and after that


class RunProcesses:
    """Runs `command` once an attempt, each in a folder of its own below `folder`."""

    def __init__(self, folder, command, is_stopping, grace_seconds=60.0):
        """
        Args:
          folder: for the attempts' files.
          command: callable; takes the path for the run's results as JSON ({component:
            "ran", "cached" or "failed"}) and returns the words of the command.
          is_stopping: callable; once it returns True, a run is asked to end, and killed
            after `grace_seconds`.
        """
        self._folder = Path(folder)
        self._command = command
        self._is_stopping = is_stopping
        self._grace = grace_seconds
        self._children = []

    def start(self, run):
        """Starts the attempt; returns the Outcome of one that the machine refuses to start."""
        try:
            self._start(run)
        except OSError as error:
            where = error.filename or sys.executable
            cause = f"its process could not be started: {where}: {error.strerror or error}"
            return Outcome(1, {}, cause)
        return None

    def _start(self, run):
        folder = self.folder_of(run)
        folder.mkdir(parents=True, exist_ok=True)
        self._forget_old_folders(folder)
        # Held before there is a process and handed to it: from outside, the attempt is
        # alive from here until the last of its processes is gone.
        with locks.hold(folder / "lock") as lock:
            with writing.whole_file(folder / "machine") as unfinished:
                Path(unfinished).write_text(f"{socket.gethostname()}\n{_numbering()}\n")
            command = [sys.executable, "-m", "pipeline.schedule_attempt", str(folder)]
            child = subprocess.Popen(
                [*command, str(lock.fileno()), *self._command(folder / "results.json")],
                env=os.environ | {SCHEDULED_TIME: run.scheduled.isoformat()},
                stdin=subprocess.DEVNULL,
                pass_fds=[lock.fileno()],
                start_new_session=True,
            )
        self._children.append(child)

    def collect(self, run):
        folder = self.folder_of(run)
        asked = None
        while not (folder / "outcome.json").exists() and locks.holder(folder / "lock"):
            if asked is None and self._is_stopping():
                if elsewhere := _elsewhere(folder):
                    return OutOfReach(elsewhere)
                asked = time.monotonic() if _signal(folder, signal.SIGTERM) else None
            elif asked is not None and time.monotonic() - asked > self._grace:
                _signal(folder, signal.SIGKILL)
            time.sleep(_POLL_SECONDS)
        self._children = [child for child in self._children if child.poll() is None]
        outcome = read_outcome(folder)
        if self._is_cut_off(outcome, asked is not None):
            return dataclasses.replace(outcome or Outcome(-signal.SIGKILL, {}), cut_off=True)
        return outcome

    def _is_cut_off(self, outcome, asked):
        if outcome is None:
            return asked
        if outcome.exit_code in _INTERRUPTED:
            # A machine that shuts down sends SIGTERM to the schedule and the run at a time.
            return asked or self._is_stopping()
        # No stop kills the run and leaves the process that records it: the kernel does, for want
        # of memory, and systemd may stop the schedule in that moment.
        return asked and outcome.exit_code not in (0, -signal.SIGKILL)

    def folder_of(self, run):
        return self._folder / f"{run.scheduled:%Y%m%dT%H%M%SZ}-{run.attempt}"

    def _forget_old_folders(self, newest):
        # The newest sorts last only while the clock has never been ahead.
        others = sorted(folder for folder in self._folder.iterdir() if folder != newest)
        for old in others[: 1 - _KEPT_FOLDERS]:
            shutil.rmtree(old, ignore_errors=True)


def read_outcome(folder):
    """The Outcome in an attempt's folder, or None."""
    try:
        exit_code = json.loads((folder / "outcome.json").read_text())["exit_code"]
    except FileNotFoundError:
        return None
    try:
        results = json.loads((folder / "results.json").read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        results = {}
    cause = "" if exit_code == 0 else _cause(folder / "output.log", exit_code)
    return Outcome(exit_code, results, cause)


def _cause(output, exit_code):
    """The line that names what failed, else the last line, and where the rest is."""
    with open(output, "rb") as stream:
        stream.seek(max(0, output.stat().st_size - _LAST_LINES))
        lines = [line.strip() for line in stream.read().decode(errors="replace").splitlines()]
    said = [line for line in lines if line]
    named = [line for line in said if " failed: " in line]
    if exit_code < 0:
        how = f"ended by {signal.Signals(-exit_code).name}"
    else:
        how = (named or said or [f"exit code {exit_code}"])[-1].removeprefix("steadyfeed: ")
    return f"{how} (output in {output})"


def _elsewhere(folder):
    """Where the attempt runs, in words, if numbers of processes mean others there than here."""
    try:
        host, numbering = (folder / "machine").read_text().splitlines()
    except FileNotFoundError:  # An earlier version began it.
        return None
    return None if numbering == _numbering() else f"{host} (its process: {folder / 'process'})"


def _numbering():
    """A text of its own for each machine, and each container, that numbers its processes."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return socket.gethostname()


def _signal(folder, number):
    """Signals the attempt's processes; False when they do not exist (yet)."""
    # Called only on the attempt's machine and while its lock is held, so the group is its own.
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        os.killpg(int((folder / "process").read_text()), number)
        return True
    return False


def wait_until(instant, now, is_stopping, sleep=time.sleep):
    """Waits by the wall clock, so that a laptop's sleep counts; ends early on a stop."""
    while not is_stopping():
        left = (instant - now()).total_seconds()
        if left <= 0:
            return
        sleep(min(left, 1.0))


def utc_now():
    return datetime.datetime.now(datetime.UTC)
