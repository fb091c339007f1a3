"""A stand-in for an accelerator: it takes a fixed time a step and no processor."""

import time

import numpy as np

from benchmarks.input.photographs import BATCH

_STEPS = 300


def waits(iterator, images_per_second: float) -> dict[str, float]:
    """How long a consumer at 0.8 of the pipeline's rate waits, as parts of its step.

    Args:
      iterator: of batches, already at its full speed.
      images_per_second: what the pipeline gives to a consumer that takes no time.
    """
    step = BATCH / (0.8 * images_per_second)  # seconds
    found = np.empty(_STEPS)
    for number in range(_STEPS):
        asked = time.perf_counter()
        next(iterator)
        found[number] = time.perf_counter() - asked
        time.sleep(step)
    total = found + step
    return {
        "step_seconds": step,
        "wait_share": float(found.sum() / total.sum()),
        "wait_p50": float(np.percentile(found / total, 50)),
        "wait_p99": float(np.percentile(found / total, 99)),
    }
