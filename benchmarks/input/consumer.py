"""A stand-in for an accelerator: it takes a fixed time a step and no processor.

An accelerator works beside the program and needs nothing of it, so its clock is kept, not
its work: the program that feeds it sleeps while the device is full, fetches the next batch
for real, and from the moment of its arrival follows when its step starts and ends.
"""

import time
from collections.abc import Iterator

import numpy as np

from components.trainer.devices import BATCHES_ON_DEVICE

_SECONDS = 2.0  # of one round
_ROUNDS = 3


def waits(iterator: Iterator, step: float) -> tuple[float, float]:
    """Parts of its step that a consumer waits for a batch, in all and at the 99th percentile.

    Args:
      iterator: of batches, already at its full speed.
      step: seconds that the consumer takes for a batch.
    """
    found = [_round(iterator, step, int(_SECONDS / step)) for _ in range(_ROUNDS)]
    return tuple(np.median(found, axis=0).tolist())


def _round(iterator: Iterator, step: float, steps: int) -> tuple[float, float]:
    waited = np.empty(steps)
    # When the steps end of the batches that the device holds: of the running one first.
    ends = [time.perf_counter() + step * number for number in range(1, BATCHES_ON_DEVICE + 2)]
    for number in range(steps):
        # There is room for a batch once the step begins that takes the first of those ahead.
        time.sleep(max(0.0, ends[-BATCHES_ON_DEVICE - 1] - time.perf_counter()))
        next(iterator)
        waited[number] = max(0.0, time.perf_counter() - ends[-1])
        ends.append(ends[-1] + waited[number] + step)
    parts = waited / (waited + step)
    return waited.sum() / (waited.sum() + steps * step), np.percentile(parts, 99)
