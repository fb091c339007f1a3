"""The bounds that a model had to keep, one by one."""

import dataclasses
import json

from components.evaluator.metric_names import DIRECTIONS, HIGHER_IS_BETTER


@dataclasses.dataclass(frozen=True)
class Bound:
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
    """Every Bound that the Evaluator of this run was given, with the model's value."""
    verdict = run.json("Evaluator", "blessing", "blessing.json")
    if not verdict:
        return []
    given = json.loads(run.nodes["Evaluator"].properties.get("config") or "{}")
    given = given or run.configuration.get("evaluation", {})
    values, champion = verdict["metrics"], verdict["champion_metrics"]
    found = []
    for metric, limits in given.get("thresholds", {}).items():
        for side, limit in limits.items():
            if limit is not None:
                found.append(_bound(metric, f"at {_LEAST[side]}", values.get(metric), limit, side))
    for metric, limits in given.get("change", {}).items():
        for allowed in limits.values():
            if allowed is None or metric not in champion:
                continue
            side = "min" if DIRECTIONS.get(metric) == HIGHER_IS_BETTER else "max"
            limit = champion[metric] - allowed if side == "min" else champion[metric] + allowed
            rule = f"at most {allowed:g} worse than the champion, so at {_LEAST[side]}"
            found.append(_bound(metric, rule, values.get(metric), limit, side))
    return found


_LEAST = {"min": "least", "max": "most"}


def _bound(metric, rule, value, limit, side):
    missing = float("inf")
    if value is not None:
        # The Evaluator compares in floating point as well: a billionth is no miss.
        short = limit - value if side == "min" else value - limit
        missing = 0.0 if short <= 1e-9 else short  # in this order NaN holds nothing
    return Bound(metric, rule, value, limit, missing)


def better(metric, change):
    """Whether a change of that metric is for the better; None where it is none at all."""
    if not change or metric not in DIRECTIONS:
        return None
    return (change > 0) == (DIRECTIONS[metric] == HIGHER_IS_BETTER)
