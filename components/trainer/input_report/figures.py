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
    loads: np.ndarray | None = None,
) -> dict:
    """What `input_report.json` says of speed and waiting.

    Args:
      calls: of the training, from its start or from where it was resumed.
      batch_size: images a step, over all devices.
      steps_per_epoch: of the training.
      load_seconds: taken before the first step to make the input ready; it counts to the first
        epoch's wait.
      ceiling_seconds: of one step on a cached batch; None where it was not measured.
      loads: what `StepTimes.loads` returns.

    The first call of each size compiles the step, which is neither loading nor computing. Its
    images are left out of all images a second, and it is not in the timeline. Its wait, such as
    that for the very first batch, is as real as any: it counts to its epoch's share of waiting,
    where its compute is put at what as many steps of the other calls take, and to the time of the
    first epoch's images a second. The epoch that a training was resumed in is its first.

    Returns:
      `images_per_second`, `real_to_ceiling`, `wait`, `timeline` and `loads`; None for what there
      are no steps, or no times, to tell from.
      `timeline` has some calls one after the other: `step`, `wait_ms`, `compute_ms`. `loads` has
      the batches that were loaded in the background meanwhile, in rows that do not overlap:
      `step` that took it, `start_ms` and `end_ms` from the first call's start, cut off where the
      timeline begins and ends, and `row` from 0.
    """
    compiled = np.zeros(len(calls), bool)
    compiled[np.unique(calls.steps, return_index=True)[1]] = True
    first_epoch = (calls.step - 1) // steps_per_epoch == (calls.step[0] - 1) // steps_per_epoch
    first = calls.where(first_epoch & ~compiled)
    later = calls.where(~first_epoch & ~compiled)
    before = load_seconds + calls.wait[first_epoch & compiled].sum()
    rates = {
        "first_epoch": _rate(first, batch_size, before),
        "later_epochs": _rate(later, batch_size),
        "ceiling": batch_size / ceiling_seconds if ceiling_seconds else None,
    }
    # A training of one epoch is judged by its steps, and its loading is told apart.
    judged = _rate(later if len(later) else first, batch_size)
    both = judged and rates["ceiling"]
    shown = _shown(later if len(later) else first)
    return {
        "images_per_second": rates,
        "real_to_ceiling": judged / rates["ceiling"] if both else None,
        "wait": {
            "first_epoch": _wait(calls, compiled, first_epoch, load_seconds),
            "later_epochs": _wait(calls, compiled, ~first_epoch),
        },
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


def _wait(
    calls: Calls, compiled: np.ndarray, chosen: np.ndarray, more_seconds: float = 0.0
) -> dict | None:
    """The share of all time, and the median and 99th percentile of the calls' own shares."""
    plain = calls.where(chosen & ~compiled)
    if not len(plain):
        return None
    rest = calls.where(chosen & compiled)
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
    """Neighbouring calls around the one that waited longest: where it hurts is what is shown."""
    if len(calls) <= _SHOWN:
        return calls
    first = int(np.clip(np.argmax(calls.wait) - _SHOWN // 2, 0, len(calls) - _SHOWN))
    return calls.where(slice(first, first + _SHOWN))


def _loads_during(calls: Calls, loads: np.ndarray) -> list[Mapping]:
    # The timeline leaves out what lies between calls, such as a validation: so does its clock.
    clock = np.stack([calls.asked, calls.asked + calls.seconds], axis=1).ravel()
    ends = 1000 * np.cumsum(calls.seconds)
    shown_at = np.stack([ends - 1000 * calls.seconds, ends], axis=1).ravel()
    starts, stops = (np.interp(loads[:, column], clock, shown_at) for column in (1, 2))
    rows, during = [], []  # Of a row, when its last load ended.
    for i in np.argsort(loads[:, 1]):
        if stops[i] > starts[i]:
            free = (row for row, end in enumerate(rows) if end <= starts[i])
            row = next(free, len(rows))
            rows[row : row + 1] = [stops[i]]
            load = {"step": int(loads[i, 0]), "start_ms": float(starts[i])}
            during.append({**load, "end_ms": float(stops[i]), "row": row})
    return during
