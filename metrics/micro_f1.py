"""The harmonic mean of precision and recall over all classes together; 0 where there are none."""

from metrics.counts import LabelCounts

TASKS = ("multi_label",)
HIGHER_IS_BETTER = True
PER_CLASS = False


def measure(counts: LabelCounts) -> float:
    said_or_true = counts.predicted.sum() + counts.actual.sum()
    return float(2 * counts.right.sum() / max(said_or_true, 1))
