"""The threads that load give way to the one that feeds an accelerator."""

import contextlib
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

_LOWEST = 19  # of Linux's nice values
_THREADS = Path("/proc/self/task")


def giving_way(batches: Iterable) -> Iterator[Any]:
    """The same batches, by loading threads of the lowest priority.

    Linux lets a thread that it runs go on for a millisecond or more before one that wakes up:
    with a loading thread on every core, the thread that has the next step to start waits for
    that long.  Loading behind it is as fast, since it hardly takes a processor itself.  Where the
    same cores compute the model, they would come before what they need next: not for training on
    a CPU.

    Args:
      batches: a dataset of this package; the threads that are started for its first batch are
        taken for its own.
    """
    before = _threads()
    for number, batch in enumerate(batches):
        if not number:
            _lower(_threads() - before)
        yield batch


def _threads() -> set[int]:
    # Elsewhere than on Linux a thread has no priority of its own.
    return {int(name) for name in os.listdir(_THREADS)} if sys.platform == "linux" else set()


def _lower(threads: set[int]) -> None:
    for thread in threads:
        with contextlib.suppress(ProcessLookupError):  # It may have ended.
            os.setpriority(os.PRIO_PROCESS, thread, _LOWEST)
