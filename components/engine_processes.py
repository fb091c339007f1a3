"""Work on shards in several processes of this machine; as a program, one of these.

Beam's own runner of several processes waits forever for one that was killed.
"""

import contextlib
import multiprocessing
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from typing import Any

from components.child_environment import child_environment, end_with_the_parent, project_on_path
from components.usable_cores import usable_cores
from failures import EngineFailure, in_one_line


class ProcessEngine:
    """An Engine of processes, each of which imports what the work needs.

    Args:
      count: how many processes; 0: one a core.
      retries: as of Engine.
      timeout: seconds that all of the work may take; None: no limit.
    """

    name = "the engine of several processes"

    def __init__(self, count: int = 0, retries: int = 0, timeout: float | None = None):
        self.retries = retries
        self._count, self._timeout = count or usable_cores(), timeout

    def do(self, work: Callable[[tuple[int, Any]], None], shards: Sequence[tuple[int, Any]]):
        waiting = queue.SimpleQueue()
        for numbered in shards:
            waiting.put(numbered)
        count = min(self._count, len(shards))
        late = threading.Event()
        with contextlib.ExitStack() as stack:
            # Left last: an end of the processes is what ends its threads.
            threads = stack.enter_context(ThreadPoolExecutor(count))
            started = [stack.enter_context(_started()) for _ in range(count)]
            if self._timeout:
                processes = [process for process, _ in started]
                clock = threading.Timer(self._timeout, _end, (late, processes))
                stack.callback(clock.cancel)
                clock.start()
            ends = list(threads.map(lambda one: _feed(*one, work, waiting), started))
        if late.is_set():
            raise EngineFailure(
                f"{self.name} did not end within {self._timeout:g} seconds and was ended. "
                "beam.job_timeout_seconds sets how long it may take."
            )
        if lost := [end for end in ends if end]:
            raise EngineFailure(f"{self.name} failed: {lost[0]}")


def _feed(process: subprocess.Popen, pipe: Connection, work, waiting) -> str | None:
    """Gives a process shards until none waits; returns what ended the process before, in words."""
    number = None
    try:
        pipe.send(work)
        while True:
            try:
                numbered = waiting.get_nowait()
            except queue.Empty:
                return None
            number = numbered[0]
            pipe.send(numbered)
            if error := pipe.recv():
                return error
    except (EOFError, OSError):
        code = process.wait()
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        return f"process {process.pid} {how} at shard {number}"


@contextlib.contextmanager
def _started() -> Iterator[tuple[subprocess.Popen, Connection]]:
    ours, theirs = multiprocessing.Pipe()
    with ours:
        with theirs:
            process = subprocess.Popen(
                [sys.executable, "-m", "components.engine_processes", str(theirs.fileno())],
                env=project_on_path(child_environment()),
                stdin=subprocess.PIPE,
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # Ctrl-C reaches the parent alone, which ends them all.
            )
        with process:
            try:
                yield process, ours
            finally:
                process.kill()  # What it writes is written whole.


def _end(late: threading.Event, processes: Sequence[subprocess.Popen]) -> None:
    late.set()
    for process in processes:
        process.kill()


def _serve(pipe: Connection) -> None:
    """Works on what comes, until the parent closes the pipe."""
    with contextlib.suppress(EOFError):
        work = pipe.recv()
        while True:
            try:
                work(pipe.recv())
            except EOFError:
                raise
            except Exception as error:
                pipe.send(in_one_line(error))
            else:
                pipe.send(None)


if __name__ == "__main__":
    end_with_the_parent()
    _serve(Connection(int(sys.argv[1])))
