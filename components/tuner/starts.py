"""How often a trial was started of which no end is known.

A trial that is killed with all around it leaves nobody to say so. Where a process takes too much
memory, Kubernetes kills its whole container (memory.oom.group of cgroup v2), and whoever goes on
would start the same trial for ever.
"""

import contextlib
from collections.abc import Iterator

from files import places, writing

STARTS = "starts"
MOST_LOST = 3  # Two may be lost nodes, which are no fault of the trial.
TOO_OFTEN = "was lost three times, perhaps for lack of memory"


def lost_too_often(file) -> bool:
    """Whether `lost` is `MOST_LOST` or more.

    Raises:
      SurroundingsFailure: the file cannot be read.
    """
    return lost(file) >= MOST_LOST


@contextlib.contextmanager
def counted(file) -> Iterator[None]:
    """Notes a start in `file` for as long as the block runs; an exception is an end as well.

    Raises:
      SurroundingsFailure: the file cannot be read or written.
    """
    writing.write(file, str(lost(file) + 1))
    try:
        yield
    finally:
        with writing.reported(file):
            writing.remove(file)


def lost(file) -> int:
    """How many starts were noted in a file, local or remote, and had no end.

    Raises:
      SurroundingsFailure: the file cannot be read.
    """
    known = places.exists(file)
    return int(places.read(file, "Mount its folder again, then run again.")) if known else 0
