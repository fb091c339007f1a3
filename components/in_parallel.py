"""Work on many items at once on this machine, in threads or in processes."""

import collections
import contextlib
import itertools
import queue
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any

from components.child_process import Lost, started
from components.free_memory import free_memory
from components.usable_cores import usable_cores
from failures import Failure

# What a process takes that has imported its work and holds some pictures.
_PROCESS_BYTES = 256 << 20
WITH_TENSORFLOW = 1 << 30  # what one takes whose work imports TensorFlow


def processes_if(much: bool, cores_each: int = 1, bytes_each: int = _PROCESS_BYTES) -> int:
    """How many processes to work in: as many as the cores are for, fewer where memory is short, or
    0, where threads of this one are better.

    Args:
      much: whether the work is mostly Python, of which threads do one piece at a time, and takes
        much longer than starting the processes: a third of a second, with TensorFlow ten.
      cores_each: how many cores a process keeps busy by threads of its own.
      bytes_each: of memory that a process takes.
    """
    processes = min(usable_cores() // cores_each, free_memory() // bytes_each)
    return processes if much and processes > 1 else 0


def in_threads(work: Callable[[Any], Any], items: Iterable[Any], threads: int) -> Iterator[Any]:
    """The results of the work on items, in their order; as many ahead as there are threads."""
    with ThreadPoolExecutor(threads) as pool:
        yield from _in_order(pool, work, items, threads)


def in_processes(work: Callable[[Any], Any], items: Iterable[Any], processes: int) -> Iterator[Any]:
    """As `in_threads`, in processes that import what the pickled work needs.

    Raises:
      Failure: a process was killed.
    """
    idle = queue.SimpleQueue()

    def do(item):
        process = idle.get()
        try:
            return process.do(item)
        except Lost as lost:
            raise Failure(
                f"A worker {lost}, which happens where memory is short. Run again, with more "
                "memory or on fewer cores."
            ) from None
        finally:
            idle.put(process)

    # Left last: an end of the processes is what ends its threads.
    with ThreadPoolExecutor(processes) as pool, contextlib.ExitStack() as stack:
        for _ in range(processes):
            idle.put(stack.enter_context(started(work, processes)))
        # Results are small; where only so many were ahead, one long piece would stop the others.
        yield from _in_order(pool, do, items, 2 * processes)


def _in_order(
    pool: Executor, work: Callable[[Any], Any], items: Iterable[Any], ahead: int
) -> Iterator[Any]:
    waiting, begun = iter(items), collections.deque()
    try:
        begun.extend(pool.submit(work, item) for item in itertools.islice(waiting, ahead))
        while begun:
            result = begun.popleft().result()
            begun.extend(pool.submit(work, item) for item in itertools.islice(waiting, 1))
            yield result
    finally:
        for future in begun:
            future.cancel()
