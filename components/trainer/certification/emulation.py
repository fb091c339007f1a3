"""A stand-in for an accelerator: it takes a fixed time a step and no processor.

An accelerator works beside the program and needs nothing of it, so its clock is kept, not
its work: the program that feeds it sleeps while the device is full, fetches the next batch
for real, and from the moment of its arrival follows when its step starts and ends. MLPerf
Storage emulates accelerators in the same way (https://github.com/mlcommons/storage).
"""

import time
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from components.trainer.devices import BATCHES_ON_DEVICE

_ROUNDS = 3
_FEWEST_STEPS = 10


class Waits(NamedTuple):
    """What the stand-in waited; of several rounds, the medians."""

    share: float  # of all time, 0..1: utilisation is what is left
    p50: float  # seconds before a step
    p99: float
    longest: float


def waits(iterator: Iterator, step: float, seconds: float = 2.0) -> Waits:
    """What a consumer of `step` seconds a batch waits for its batches.

    Args:
      iterator: of batches, already at its full speed.
      seconds: about how long each of the rounds takes.
    """
    device = StandIn(step)
    _round(device, iterator, step, seconds)  # The device fills, and what was read ahead is used up.
    found = [_round(device, iterator, step, seconds) for _ in range(_ROUNDS)]
    return Waits(*np.median(found, axis=0).tolist())


class StandIn:
    """The clock of an accelerator that takes `step` seconds for a batch, and has none at first."""

    def __init__(self, step: float):
        self._step = step
        self._ends = [time.perf_counter()]  # of the steps on the batches that it has or had

    def take(self, batches: Iterator) -> float:
        """Takes the next batch as soon as there is room; the seconds that its step waits for it."""
        if len(self._ends) > BATCHES_ON_DEVICE:
            # There is room once the step begins that takes the first of those ahead.
            full = self._ends[-BATCHES_ON_DEVICE - 1] - time.perf_counter()
            if full > 0:  # To sleep for no time still gives the core away.
                time.sleep(full)
        next(batches)
        waited = max(0.0, time.perf_counter() - self._ends[-1])
        self._ends.append(self._ends[-1] + waited + self._step)
        return waited


def _round(device: StandIn, iterator: Iterator, step: float, seconds: float) -> Waits:
    waited, began = [], time.perf_counter()
    while len(waited) < _FEWEST_STEPS or time.perf_counter() - began < seconds:
        waited.append(device.take(iterator))
    share = sum(waited) / (sum(waited) + len(waited) * step)
    return Waits(share, *np.percentile(waited, (50, 99)), max(waited))
