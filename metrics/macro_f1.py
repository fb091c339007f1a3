"""The mean F1 of the classes that occur among the labels; 0 where none does."""

from metrics import f1
from metrics.counts import Counts

TASKS = ("classification", "multi_label", "segmentation")
HIGHER_IS_BETTER = True
PER_CLASS = False


def measure(counts: Counts) -> float:
    scores = f1.measure(counts)[counts.actual > 0]
    return float(scores.mean()) if len(scores) else 0.0
