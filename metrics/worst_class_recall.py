"""The lowest recall of the classes that occur among the labels; 0 where none does."""

from metrics import recall
from metrics.counts import Counts

TASKS = ("classification", "multi_label")
HIGHER_IS_BETTER = True
PER_CLASS = False


def measure(counts: Counts) -> float:
    scores = recall.measure(counts)[counts.actual > 0]
    return float(scores.min()) if len(scores) else 0.0
