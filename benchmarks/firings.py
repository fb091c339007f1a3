"""The schedule on this machine, for real: digits every minute, three times.

    .venv/bin/python -m benchmarks.firings

Starts `schedule run --local` on a fresh root, waits until three runs have ended,
stops it, and prints what each run was. The first trains; nothing is new for the
others. The code is 1 when a run failed, was lost or was made twice.
"""

import contextlib
import datetime
import itertools
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.kills import words
from pipeline.schedule_store import ScheduleStore

FIRINGS = 3
PATIENCE = 420  # seconds


def main():
    with tempfile.TemporaryDirectory(prefix="firings-") as name:
        folder = Path(name)
        serving = subprocess.Popen(command("run", folder), stdout=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + PATIENCE
            while len(runs := ended(folder)) < FIRINGS and time.monotonic() < deadline:
                time.sleep(1)
            subprocess.run(command("stop", folder), check=True, stdout=subprocess.DEVNULL)
        finally:
            serving.kill()
            serving.wait()
    for run in runs:
        print(f"{run.scheduled.isoformat()}  {run.state}  {run.note}")
    return 0 if is_right(runs[:FIRINGS]) else 1


def command(verb, folder):
    given = words(folder, "schedule", verb, "--local")
    cron = 'schedule={cron: "* * * * *"}'
    return [sys.executable, "-m", "pipeline", *given, "--set", cron]


def ended(folder):
    """The runs that are over, oldest first."""
    with contextlib.closing(ScheduleStore(folder / "root" / "schedule" / "state.sqlite")) as store:
        return [run for run in reversed(store.history(100)) if run.state != "owed"]


def is_right(runs):
    minute = datetime.timedelta(minutes=1)
    each_minute = all(b.scheduled - a.scheduled == minute for a, b in itertools.pairwise(runs))
    return len(runs) == FIRINGS and each_minute and all(run.state == "done" for run in runs)


if __name__ == "__main__":
    sys.exit(main())
