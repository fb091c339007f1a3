"""An engine of several processes of this machine.

Beam's own runner of several processes waits forever for one that was killed.
"""

import contextlib
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from components.child_process import ChildProcess, Lost, started
from components.free_memory import free_memory
from components.in_parallel import WITH_TENSORFLOW
from components.usable_cores import usable_cores
from failures import EngineFailure, in_one_line


class ProcessEngine:
    """An Engine of processes, each of which imports what the work needs.

    Args:
      count: how many processes; 0: one a core, or fewer where memory is short.
      retries: as of Engine.
      timeout: seconds that all of the work may take; None: no limit.
    """

    name = "the engine of several processes"

    def __init__(self, count: int = 0, retries: int = 0, timeout: float | None = None):
        self.retries = retries
        most = min(usable_cores(), free_memory() // WITH_TENSORFLOW)
        self._count, self._timeout = count or max(1, most), timeout

    def do(self, work: Callable[[tuple[int, Any]], None], shards: Sequence[tuple[int, Any]]):
        waiting = queue.SimpleQueue()
        for numbered in shards:
            waiting.put(numbered)
        count = min(self._count, len(shards))
        late = threading.Event()
        with contextlib.ExitStack() as stack:
            # Left last: an end of the processes is what ends its threads.
            threads = stack.enter_context(ThreadPoolExecutor(count))
            processes = [stack.enter_context(started(work, count)) for _ in range(count)]
            if self._timeout:
                clock = threading.Timer(self._timeout, _end, (late, processes))
                stack.callback(clock.cancel)
                clock.start()
            ends = list(threads.map(lambda one: _feed(one, waiting), processes))
        if late.is_set():
            raise EngineFailure(
                f"{self.name} did not end within {self._timeout:g} seconds and was ended. "
                "beam.job_timeout_seconds sets how long it may take."
            )
        if lost := [end for end in ends if end]:
            raise EngineFailure(f"{self.name} failed: {lost[0]}")


def _feed(process: ChildProcess, waiting: queue.SimpleQueue) -> str | None:
    """Gives a process shards until none waits; returns in words what ended that before."""
    while True:
        try:
            numbered = waiting.get_nowait()
        except queue.Empty:
            return None
        try:
            process.do(numbered)
        except Lost as lost:
            return f"{lost} at shard {numbered[0]}"
        except Exception as error:
            return in_one_line(error)


def _end(late: threading.Event, processes: Sequence[ChildProcess]) -> None:
    late.set()
    for process in processes:
        process.kill()
