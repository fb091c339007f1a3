"""The mean average precision (mAP) of the classes that occur among the labels; 0 without any."""

from metrics import average_precision
from metrics.counts import LabelCounts

TASKS = ("multi_label",)
HIGHER_IS_BETTER = True
PER_CLASS = False


def measure(counts: LabelCounts) -> float:
    scores = average_precision.measure(counts)[counts.actual > 0]
    return float(scores.mean()) if len(scores) else 0.0
