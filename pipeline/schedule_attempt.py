"""`python -m pipeline.schedule_attempt FOLDER LOCK COMMAND…`: one attempt of a scheduled run.

A process of its own between the schedule and the run records the run's outcome even when
the schedule was killed meanwhile. It imports nothing heavy, so it starts in a blink and stays
small beside the run.

FOLDER has `machine` (where it runs) and gets `process` (this process, which leads a process
group), `output.log` and, last and whole, `outcome.json`. LOCK is a locked descriptor: it is free
once neither this process nor the run lives.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

from files import writing
from files.strict_json import text_of


def main(folder, lock, *command):
    folder = Path(folder)
    # Both stop with their group, the run first: a handler, unlike SIG_IGN, is not inherited.
    signal.signal(signal.SIGTERM, lambda *_: None)
    signal.signal(signal.SIGINT, lambda *_: None)
    writing.write(folder / "process", str(os.getpid()))
    with open(folder / "output.log", "ab") as output:
        run = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=[int(lock)],
        )
        exit_code = run.wait()
    writing.write(folder / "outcome.json", text_of({"exit_code": exit_code}))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
