"""The part of the images whose true class is among the five most probable ones."""

from metrics.counts import Counts, Scores

TASKS = ("classification",)
HIGHER_IS_BETTER = True
PER_CLASS = False
FEWEST_CLASSES = 10
OF_PROBABILITIES = True


def measure(counts: Counts) -> float:
    return float(counts.top.sum() / counts.total)


def by_true_class(counts: Counts) -> Scores:
    return counts.top / counts.by_label.clip(1)
