"""Computes the figures of an input report from the times of a training's calls."""

from collections.abc import Mapping, Sequence

import numpy as np

from components.trainer.input_report.interval import of_the_ceiling
from components.trainer.input_report.step_times import Calls

_SHOWN = 40  # calls in the timeline


def figures(
    calls: Calls,
    batch_size: int,
    steps_per_epoch: int,
    load_seconds: float,
    ratios: Sequence[float],
    loads: np.ndarray | None = None,
) -> dict:
    """The figures of speed and waiting in `input_report.json`.

    Compiling the step is neither loading nor computing. So images per second exclude the images
    of a call that compiles, and the timeline excludes the call. Its wait, such as that for the
    very first batch, is real: it counts towards its epoch's share of waiting and towards the time
    of the first epoch's images per second. In the share, its computing counts at most as much as
    the same number of steps in other calls. The epoch in which a training resumed is its first.
    Where none follows, `rest_of_epoch` is that `epoch` without the loading: against the few steps
    that were left, it would say nothing of the training.

    Args:
      calls: the training's calls, from its start or from where it resumed.
      batch_size: images per step, over all devices.
      load_seconds: the time for preparing the input before the first step; it counts as waiting
        in the first epoch.
      ratios: `Ceiling.ratios`; empty if not measured.
      loads: the result of `StepTimes.loads`.

    Returns:
      `images_per_second`, `real_to_ceiling` (the fields of an Interval), `wait`, `timeline` and
      `loads`; None where there are no steps or times to compute a figure from.
      `timeline` lists consecutive calls: `step`, `wait_ms`, `compute_ms`. `loads` lists the
      batches loaded in the background during these calls: the `step` that took the batch;
      `start_ms` and `end_ms` from the start of the timeline, clipped to it; `row`, from 0, such
      that loads of one row do not overlap.
    """
    epochs = (calls.step - 1) // steps_per_epoch
    first_epoch = epochs == epochs[0]
    first = calls.where(first_epoch & ~calls.compiled)
    later = calls.where(~first_epoch & ~calls.compiled)
    before = load_seconds + calls.wait[first_epoch & calls.compiled].sum()
    rates = {
        "first_epoch": _rate(first, batch_size, before),
        "later_epochs": _rate(later, batch_size),
    }
    # With a single epoch, its steps count here; the first loading is reported separately.
    judged = later if len(later) else first
    near = of_the_ceiling(ratios, judged)
    rates["ceiling"] = _rate(judged, batch_size) / near.middle if near and near.middle else None
    shown = _shown(judged)
    return {
        "images_per_second": rates,
        "real_to_ceiling": near._asdict() if near else None,
        "wait": _waits(calls, epochs, load_seconds),
        "timeline": [
            {
                "step": int(step),
                "wait_ms": 1000 * float(wait),
                "compute_ms": 1000 * float(compute),
            }
            for step, wait, compute in zip(shown.step, shown.wait, shown.compute, strict=True)
        ],
        "loads": None if loads is None or not len(shown) else _loads_during(shown, loads),
    }


def _rate(calls: Calls, batch_size: int, more_seconds: float = 0.0) -> float | None:
    seconds = calls.seconds.sum() + more_seconds
    return float(calls.steps.sum() * batch_size / seconds) if len(calls) and seconds else None


def _waits(calls: Calls, epochs: np.ndarray, load_seconds: float) -> dict:
    first_epoch = epochs == epochs[0]
    found = {
        "first_epoch": _wait(calls, first_epoch, load_seconds),
        "later_epochs": _wait(calls, ~first_epoch),
        "rest_of_epoch": None,
    }
    resumed = calls.step[0] > calls.steps[0]
    if resumed and not found["later_epochs"]:
        rest = _wait(calls, first_epoch & ~calls.compiled)
        found["rest_of_epoch"] = rest and {"epoch": int(epochs[0]) + 1, **rest}
    return found


def _wait(calls: Calls, chosen: np.ndarray, more_seconds: float = 0.0) -> dict | None:
    """The share of waiting in all time; median and 99th percentile of the calls' shares."""
    plain = calls.where(chosen & ~calls.compiled)
    if not len(plain):
        return None
    rest = calls.where(chosen & calls.compiled)
    usual = np.median(plain.compute / plain.steps) * rest.steps
    computed = plain.compute.sum() + np.minimum(rest.compute, usual).sum()
    waited = plain.wait.sum() + rest.wait.sum() + more_seconds
    total = waited + computed
    shares = np.divide(plain.wait, plain.seconds, out=np.zeros(len(plain)), where=plain.seconds > 0)
    return {
        "share": float(waited / total) if total else 0.0,
        "p50": float(np.percentile(shares, 50)),
        "p99": float(np.percentile(shares, 99)),
    }


def _shown(calls: Calls) -> Calls:
    """Consecutive calls around the one that waited longest."""
    if len(calls) <= _SHOWN:
        return calls
    first = int(np.clip(np.argmax(calls.wait) - _SHOWN // 2, 0, len(calls) - _SHOWN))
    return calls.where(slice(first, first + _SHOWN))


def _loads_during(calls: Calls, loads: np.ndarray) -> list[Mapping]:
    # The timeline omits the time between calls, such as a validation; so does its clock.
    clock = np.stack([calls.asked, calls.asked + calls.seconds], axis=1).ravel()
    ends = 1000 * np.cumsum(calls.seconds)
    shown_at = np.stack([ends - 1000 * calls.seconds, ends], axis=1).ravel()
    starts, stops = (np.interp(loads[:, column], clock, shown_at) for column in (1, 2))
    rows, during = [], []  # rows: when the last load of each row ends
    for i in np.argsort(loads[:, 1]):
        if stops[i] > starts[i]:
            free = (row for row, end in enumerate(rows) if end <= starts[i])
            row = next(free, len(rows))
            rows[row : row + 1] = [stops[i]]
            load = {"step": int(loads[i, 0]), "start_ms": float(starts[i])}
            during.append({**load, "end_ms": float(stops[i]), "row": row})
    return during
