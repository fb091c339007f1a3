"""A stand-in for an accelerator: it takes a fixed time a step and no processor."""

import queue
import threading
import time

import numpy as np

from benchmarks.input.photographs import BATCH

_STEPS = 400
_ON_DEVICE = 2  # batches that the device holds ready, as a device prefetch does


def waits(iterator, images_per_second: float) -> dict[str, float]:
    """How long a consumer at 0.8 of the pipeline's rate waits, as parts of its step.

    As with an accelerator, the steps run beside the program that fetches the batches.

    Args:
      iterator: of batches, already at its full speed.
      images_per_second: what the pipeline gives to a consumer that takes no time.
    """
    step = BATCH / (0.8 * images_per_second)  # seconds
    on_device = queue.Queue(_ON_DEVICE)
    found = np.empty(_STEPS)

    def device():
        for number in range(_STEPS):
            asked = time.perf_counter()
            on_device.get()
            found[number] = time.perf_counter() - asked
            time.sleep(step)

    running = threading.Thread(target=device)
    for _ in range(_ON_DEVICE):
        on_device.put(next(iterator))
    running.start()
    for _ in range(_STEPS - _ON_DEVICE):
        on_device.put(next(iterator))
    running.join()
    total = found + step
    return {
        "step_seconds": step,
        "wait_share": float(found.sum() / total.sum()),
        "wait_p50": float(np.percentile(found / total, 50)),
        "wait_p99": float(np.percentile(found / total, 99)),
    }
