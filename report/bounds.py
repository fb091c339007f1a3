"""The bounds that a model had to keep, one by one."""

from typing import NamedTuple

from metrics import catalog
from settings.evaluation import Evaluation

_LEAST = {"min": "at least", "max": "at most"}


class Bound(NamedTuple):
    """One bound; `missing` is how far the value is on the wrong side, 0 where it is held."""

    metric: str
    rule: str
    value: float | None
    limit: float
    missing: float

    @property
    def held(self):
        return self.value is not None and self.missing == 0


def read_bounds(run):
    """Every Bound of the run's configuration, with the model's value; [] without a verdict."""
    if not run.verdict:
        return []
    given = run.section("evaluation", Evaluation)
    values, champion = run.verdict.metrics, run.verdict.champion_metrics
    found = []
    for metric, limits in given.thresholds.items():
        for side, limit in limits:
            if limit is not None:
                found.append(_bound(metric, _LEAST[side], values.get(metric), limit, side))
    for metric, limits in given.change.items():
        for _, allowed in limits:
            if allowed is None or metric not in champion:
                continue
            side = "min" if catalog.higher_is_better(metric) else "max"
            limit = champion[metric] - allowed if side == "min" else champion[metric] + allowed
            rule = f"at most {allowed:g} worse than the champion, so {_LEAST[side]}"
            found.append(_bound(metric, rule, values.get(metric), limit, side))
    return found


def _bound(metric, rule, value, limit, side):
    missing = float("inf")
    if value is not None:
        # The Evaluator compares in floating point as well: a billionth is not a miss.
        short = limit - value if side == "min" else value - limit
        missing = 0.0 if short <= 1e-9 else short  # in this order NaN holds nothing
    return Bound(metric, rule, value, limit, missing)


def better(metric, change):
    """Whether a change of that metric is for the better; None where it is neither."""
    if not change or metric not in catalog.NAMES:
        return None
    return (change > 0) == catalog.higher_is_better(metric)
