"""Measures how fast batches come, and what that costs the processor."""

import resource
import time
from collections.abc import Iterator
from typing import NamedTuple

from components.trainer.input.source import cores


class Speed(NamedTuple):
    """How fast a consumer gets batches that does nothing else."""

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
    used = min(max(core_seconds() - worked, 1e-6), taken * cores())
    return Speed(count * batch_size / taken, used / (count * batch_size))


def core_seconds() -> float:
    """The time that this process has used of all cores together."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
