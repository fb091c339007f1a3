"""Lowers the priority of loading threads below that of the thread that feeds an accelerator."""

import contextlib
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

_LOWEST = 19  # of Linux's nice values
_THREADS = Path("/proc/self/task")


def giving_way(batches: Iterable) -> Iterator[Any]:
    """Yields the same batches, loaded by threads of the lowest priority.

    Linux lets a running thread continue for a millisecond or more before it switches to one that
    wakes up.  With a loading thread on every core, the thread that starts the next step waits
    that long.  Lowering the loading threads does not slow them down, because that thread uses
    little processor time.  Do not use this for training on a CPU: there the same cores compute
    the model, and computing would delay the batches that it needs next.

    Args:
      batches: a dataset of this package.  The threads started while it makes its first batch
        count as its loading threads.
    """
    before = _threads()
    for number, batch in enumerate(batches):
        if not number:
            _lower(_threads() - before)
        yield batch


def _threads() -> set[int]:
    # Only Linux gives each thread its own priority.
    return {int(name) for name in os.listdir(_THREADS)} if sys.platform == "linux" else set()


def _lower(threads: set[int]) -> None:
    for thread in threads:
        with contextlib.suppress(ProcessLookupError):  # The thread may have ended.
            os.setpriority(os.PRIO_PROCESS, thread, _LOWEST)
