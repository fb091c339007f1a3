"""The harmonic mean of a class's precision and recall; 0 for one that is neither true nor said."""

from metrics.counts import Counts, Scores

TASKS = ("classification", "multi_label", "segmentation")
HIGHER_IS_BETTER = True
PER_CLASS = True


def measure(counts: Counts) -> Scores:
    return 2 * counts.right / (counts.predicted + counts.actual).clip(1)
