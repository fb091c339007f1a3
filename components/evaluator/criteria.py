"""What a model must reach to be blessed; checked before TensorFlow loads."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from components.evaluator.metric_names import (
    CLASSIFICATION,
    DIRECTIONS,
    HIGHER_IS_BETTER,
    METRICS_OF,
)
from failures import Failure

# What may be said of a metric that gets better in that direction.
_CHANGES = {True: "max_drop", False: "max_rise"}


@dataclass(frozen=True)
class Criteria:
    """Bounds on the challenger's metrics over the whole split.

    Attributes:
      thresholds: metric to {"min": number} and/or {"max": number}, inclusive.
      change: metric to {"max_drop": number} where higher is better, {"max_rise":
        number} where lower is: how far behind the champion it may be, absolute.
      task: of metric_names.py; says which metrics there are.
    """

    thresholds: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    change: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    task: str = CLASSIFICATION

    def __post_init__(self):
        for section, bounds in (("thresholds", self.thresholds), ("change", self.change)):
            for metric, limits in bounds.items():
                _check(section, metric, limits, METRICS_OF[self.task])

    def allowed_change(self, metric: str) -> float:
        """How far behind the champion a metric of `change` may be, >= 0."""
        return self.change[metric][_CHANGES[DIRECTIONS[metric] == HIGHER_IS_BETTER]]


def _check(section: str, metric: str, limits: Mapping[str, float], known: Sequence[str]) -> None:
    name = f"Evaluator: {section}"
    if metric not in known:
        raise Failure(f"{name} names the unknown metric {metric!r}. Known are: {', '.join(known)}.")
    allowed = ("min", "max")
    if section == "change":
        allowed = (_CHANGES[DIRECTIONS[metric] == HIGHER_IS_BETTER],)
    unknown = sorted(
        key for key, value in limits.items() if key not in allowed and value is not None
    )
    if unknown or not any(limits.get(key) is not None for key in allowed):
        given = f"unknown {', '.join(unknown)}" if unknown else "nothing"
        raise Failure(f"{name}.{metric} has {given}. Give it {' or '.join(allowed)}.")
    for key in allowed:
        value = limits.get(key)
        if value is not None and not (isinstance(value, int | float) and math.isfinite(value)):
            raise Failure(f"{name}.{metric}.{key} is {value!r}. Give it a finite number.")
