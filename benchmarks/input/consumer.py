"""A stand-in for an accelerator: it takes a fixed time a step and no processor.

An accelerator works beside the program and needs nothing of it, so its clock is kept, not
its work: the program that feeds it sleeps while the device is full, fetches the next batch
for real, and from the moment of its arrival follows when its step starts and ends.
"""

import time
from collections.abc import Iterator

import numpy as np

from benchmarks.input.photographs import BATCH
from components.trainer.distribution import BATCHES_ON_DEVICE

_SHARE = 0.8  # of the pipeline's rate
_SECONDS = 2.0  # of one round


def step_seconds(images_per_second: float) -> float:
    """The step of a consumer that takes 0.8 of what the pipeline gives."""
    return BATCH / (_SHARE * images_per_second)


def waits(iterator: Iterator, step: float, rounds: int = 3) -> dict[str, float]:
    """How long a consumer waits for its batches, as parts of its step: medians of rounds.

    Args:
      iterator: of batches, already at its full speed.
      step: seconds that the consumer takes for a batch.
      rounds: of two seconds each.
    """
    found = [_round(iterator, step, int(_SECONDS / step)) for _ in range(rounds)]
    share, p50, p99 = np.median(found, axis=0)
    return {
        "step_seconds": step,
        "wait_share": float(share),
        "wait_p50": float(p50),
        "wait_p99": float(p99),
    }


def _round(iterator: Iterator, step: float, steps: int) -> tuple[float, float, float]:
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
    return waited.sum() / (waited.sum() + steps * step), *np.percentile(parts, (50, 99))
