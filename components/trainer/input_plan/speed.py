"""Measures how fast batches come, what that costs the processor, and how fast data are read."""

import contextlib
import os
import random
import resource
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from components.usable_cores import usable_cores
from files import writing

_READ_BYTES = 1 << 20
_MOST_FILES = 64  # opened at once


class Speed(NamedTuple):
    """How fast batches reach a consumer that does nothing else."""

    images_per_second: float
    core_seconds: float  # of one core's time an image

    @property
    def images_per_core_second(self) -> float:
        return 1 / self.core_seconds


def at_most(batches: Iterator, batch_size: int, seconds: float, fewest: int = 1) -> Speed:
    """The speed of batches that are already coming at their full one.

    Args:
      seconds: how long to measure; the batch that is awaited then still counts.
      fewest: batches to take even if that lasts longer.
    """
    began, worked, count = time.perf_counter(), core_seconds(), 0
    while count < fewest or time.perf_counter() - began < seconds:
        next(batches)
        count += 1
    taken = time.perf_counter() - began
    # No thread computes longer than all cores could.
    used = min(max(core_seconds() - worked, 1e-6), taken * usable_cores())
    return Speed(count * batch_size / taken, used / (count * batch_size))


def disk_rate(files: Sequence[str], seconds: float) -> float:
    """Bytes a second that the disk gives of files, as the system finds them.

    Returns:
      Infinity where no file is large enough to measure.
    """
    files = [file for file in files if os.path.getsize(file) > _READ_BYTES]
    if not files:
        return float("inf")
    places, read = random.Random(0), 0
    began = time.perf_counter()
    with contextlib.ExitStack() as stack:
        opened = [
            stack.enter_context(open(file, "rb", buffering=0)) for file in files[:_MOST_FILES]
        ]
        while (taken := time.perf_counter() - began) < seconds:
            file = places.choice(opened)
            file.seek(places.randrange(os.fstat(file.fileno()).st_size - _READ_BYTES))
            read += len(file.read(_READ_BYTES))
    return read / taken


def sync_rate(file: str, most: int) -> float:
    """Bytes a second at which the disk takes what was just written to a file.

    Args:
      most: bytes to wait for; what the file has beyond them is cut off.
    """
    size = min(os.path.getsize(file), most)
    os.truncate(file, size)
    began = time.perf_counter()
    writing.sync(file)
    return max(size, 1) / (time.perf_counter() - began)


def core_seconds() -> float:
    """The time that this process has used of all cores together."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def pace(seconds: float, filling: Iterator[int]) -> tuple[float, float, int]:
    """How quickly a store is filled that yields how many examples it has.

    Args:
      seconds: how long to measure at least, unless it is full before.

    Returns:
      Seconds before the first example, seconds for each, and how many came meanwhile.
    """
    began, marks = time.perf_counter(), []
    for count in filling:
        marks.append((time.perf_counter() - began, count))
        # The cores give their first chunks at the same time.
        if len(marks) > 2 * usable_cores() and marks[-1][0] > seconds:
            break
    (start, few), (end, many) = marks[min(usable_cores(), len(marks)) - 1], marks[-1]
    if many == few:
        return 0.0, end / many, many
    each = (end - start) / (many - few)
    return max(0.0, start - few * each), each, many
