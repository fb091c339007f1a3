"""The figures of an input report, from the times of a training's calls."""

from collections.abc import Mapping

import numpy as np

from components.trainer.input_report.step_times import Calls

_SHOWN = 40  # calls of the timeline


def figures(
    calls: Calls,
    batch_size: int,
    steps_per_epoch: int,
    load_seconds: float,
    ceiling_seconds: float | None,
) -> dict:
    """What `input_report.json` says of speed and waiting.

    Args:
      calls: of the training, from its start or from where it was resumed.
      batch_size: images a step, over all devices.
      steps_per_epoch: of the training.
      load_seconds: taken before the first step to make the input ready; it counts to the first
        epoch's wait.
      ceiling_seconds: of one step on a cached batch; None where it was not measured.

    Returns:
      `images_per_second`, `real_to_ceiling`, `wait` and `timeline`; None for what there are no
      steps to tell from.
    """
    # The first call of each size compiles the step, which is neither loading nor computing.
    compiled = np.zeros(len(calls), bool)
    compiled[np.unique(calls.steps, return_index=True)[1]] = True
    first_epoch = (calls.step - 1) // steps_per_epoch == (calls.step[0] - 1) // steps_per_epoch
    first = calls.where(first_epoch & ~compiled)
    later = calls.where(~first_epoch & ~compiled)
    rates = {
        "first_epoch": _rate(first, batch_size, load_seconds),
        "later_epochs": _rate(later, batch_size),
        "ceiling": batch_size / ceiling_seconds if ceiling_seconds else None,
    }
    # A training of one epoch is judged by its steps, and its loading is told apart.
    judged = _rate(later if len(later) else first, batch_size)
    both = judged and rates["ceiling"]
    return {
        "images_per_second": rates,
        "real_to_ceiling": judged / rates["ceiling"] if both else None,
        "wait": {
            "first_epoch": _wait(first, load_seconds),
            "later_epochs": _wait(later),
        },
        "timeline": _timeline(later if len(later) else first),
    }


def _rate(calls: Calls, batch_size: int, more_seconds: float = 0.0) -> float | None:
    seconds = calls.seconds.sum() + more_seconds
    return float(calls.steps.sum() * batch_size / seconds) if len(calls) and seconds else None


def _wait(calls: Calls, more_seconds: float = 0.0) -> dict | None:
    """The share of all time, and the median and 99th percentile of the calls' own shares."""
    if not len(calls):
        return None
    total = calls.seconds.sum() + more_seconds
    shares = np.divide(calls.wait, calls.seconds, out=np.zeros(len(calls)), where=calls.seconds > 0)
    return {
        "share": float((calls.wait.sum() + more_seconds) / total) if total else 0.0,
        "p50": float(np.percentile(shares, 50)),
        "p99": float(np.percentile(shares, 99)),
    }


def _timeline(calls: Calls) -> list[Mapping]:
    """Neighbouring calls around the one that waited longest: where it hurts is what is shown."""
    if not len(calls):
        return []
    last = max(0, len(calls) - _SHOWN)
    first = int(np.clip(np.argmax(calls.wait) - _SHOWN // 2, 0, last))
    return [
        {
            "step": int(calls.step[i]),
            "wait_ms": 1000 * float(calls.wait[i]),
            "compute_ms": 1000 * float(calls.compute[i]),
        }
        for i in range(first, min(first + _SHOWN, len(calls)))
    ]
