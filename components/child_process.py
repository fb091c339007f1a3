"""A process of this machine that works on what it is given; as a program, such a process.

Python's own pools of processes import the program's main module again in each, which fails in
notebooks and starts scripts anew, and some wait forever for a process that was killed.
"""

import contextlib
import math
import multiprocessing
import subprocess
import sys
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Any

from components import shard_reports
from components.child_environment import child_environment, end_with_the_parent, project_on_path
from components.usable_cores import share_cores, usable_cores


class Lost(Exception):
    """The process ended, and how, as in "process 12 was killed by signal 9"."""


class ChildProcess:
    """Does one work on one item after another; `started` makes it."""

    def __init__(self, process: subprocess.Popen, pipe: Connection):
        self._process, self._pipe = process, pipe

    def do(self, item: Any) -> Any:
        """The result of the work on an item.

        Raises:
          Lost: the process ended.
          Exception: what the work raised.
        """
        try:
            self._pipe.send(item)
            report = self._pipe.recv_bytes()
        except (EOFError, OSError):
            code = self._process.wait()
            how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
            raise Lost(f"process {self._process.pid} {how}") from None
        return shard_reports.opened(report)

    def kill(self) -> None:
        self._process.kill()


@contextlib.contextmanager
def started(work: Callable[[Any], Any], among: int) -> Iterator[ChildProcess]:
    """A process for a work, which is pickled, as are items and results; it ends with the block.

    Args:
      among: how many such processes share the cores that this process may use.
    """
    ours, theirs = multiprocessing.Pipe()
    with ours:
        with theirs:
            arguments = [str(theirs.fileno()), str(among)]
            # TensorFlow would start a thread for each core of the machine, in each process.
            threads = str(math.ceil(usable_cores() / among))
            settings = {"TF_NUM_INTRAOP_THREADS": threads} | child_environment()
            process = subprocess.Popen(
                [sys.executable, "-m", "components.child_process", *arguments],
                # It is there for a share of the cores; the parent may hold all of a GPU's memory.
                env=project_on_path(settings) | {"CUDA_VISIBLE_DEVICES": "-1"},
                stdin=subprocess.PIPE,
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # Ctrl-C reaches the parent alone, which ends them all.
            )
        with process:
            try:
                with contextlib.suppress(OSError):  # `do` says how it ended.
                    ours.send(work)
                yield ChildProcess(process, ours)
            finally:
                process.kill()  # What it writes is written whole.


def _serve(pipe: Connection) -> None:
    """Works on what comes, until the parent closes the pipe."""
    with contextlib.suppress(EOFError):
        work = pipe.recv()
        while True:
            pipe.send_bytes(shard_reports.report(work, pipe.recv()))


if __name__ == "__main__":
    end_with_the_parent()
    share_cores(int(sys.argv[2]))
    _serve(Connection(int(sys.argv[1])))
