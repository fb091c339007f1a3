"""Metrics against their bounds, and whether the challenger is blessed.

It needs no TensorFlow, so the report shows the same comparison.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from components.evaluator.reading import Verdict
from metrics import catalog
from settings.evaluation import Evaluation

ROUNDING = 1e-9  # Equal accuracies, summed over other batches, differ by less.


class Bound(NamedTuple):
    """One bound and the challenger's value.

    A metric that was not measured, or is nan, keeps no bound. Any number is progress from a
    champion's nan.
    """

    metric: str
    value: float  # the challenger's; nan where it was not measured
    at_least: bool  # whether the value must be at least the limit, or at most
    limit: float  # inclusive; nan where the champion's value is
    allowed: float | None = None  # how far behind the champion it may be; None: a threshold
    champion: float = math.nan  # its value

    @property
    def is_change(self) -> bool:
        """Whether it bounds the change from the champion."""
        return self.allowed is not None

    @property
    def missing(self) -> float:
        """How far the value is on the wrong side of the limit; at most 0 on the right one."""
        return self.limit - self.value if self.at_least else self.value - self.limit

    @property
    def met(self) -> bool:
        if self.is_change:
            return not math.isnan(self.value) and not self.missing > ROUNDING
        return self.missing <= 0

    @property
    def reason(self) -> str:
        """Why it is not met."""
        if self.is_change:
            return (
                f"{self.metric} {self.value:.6g} against the champion's {self.champion:.6g} "
                f"is worse by more than {self.allowed:g}"
            )
        side = "below" if self.at_least else "above"
        return f"{self.metric} {self.value:.6g} is {side} {self.limit:g}"


def bounds_of(
    evaluation: Evaluation, challenger: Mapping[str, float], champion: Mapping[str, float]
) -> Iterator[Bound]:
    """Every bound on the metrics over the whole split; the changes only with a champion."""
    for metric, limits in evaluation.thresholds.items():
        value = challenger.get(metric, math.nan)
        if limits.min is not None:
            yield Bound(metric, value, True, limits.min)
        if limits.max is not None:
            yield Bound(metric, value, False, limits.max)
    for metric in evaluation.change if champion else ():
        value, before = challenger.get(metric, math.nan), champion.get(metric, math.nan)
        allowed = evaluation.allowed_change(metric)
        higher = evaluation.higher_is_better(metric)
        limit = before - allowed if higher else before + allowed
        yield Bound(metric, value, higher, limit, allowed, before)


def decide(
    evaluation: Evaluation,
    bounds: Sequence[Bound],
    challenger: Mapping[str, float],
    champion: Mapping[str, float],
) -> Verdict:
    """The verdict in words.

    Without any bound nothing says that a model is good enough, so it is not blessed. Nor is
    one that answers with a probability of nan, whatever its other metrics: its most probable
    class is then the first one, which may well be the most frequent.
    """
    # A metric that was not measured breaks its threshold and its change for the same reason.
    reasons = list(dict.fromkeys(_reason(b, challenger) for b in bounds if not b.met))
    if not evaluation.thresholds and not evaluation.change:
        reasons = ["no threshold is configured"]
    elif math.isnan(challenger["loss"]):
        reasons = [reason for reason in reasons if not reason.startswith("loss ")]
        reasons.insert(0, "loss is nan, because the model answers with probabilities of nan")
    return Verdict(not reasons, reasons, dict(challenger), dict(champion))


def _reason(bound: Bound, challenger: Mapping[str, float]) -> str:
    if bound.metric in challenger:
        return bound.reason
    known = bound.metric in catalog.NAMES
    fewest = getattr(catalog.load(bound.metric), "FEWEST_CLASSES", None) if known else None
    return f"{bound.metric} was not measured" + (
        f": it needs at least {fewest} classes" if fewest else ""
    )
