"""Intersection over union of each class (the Jaccard index, as Pascal VOC has it); 0 without any.

https://doi.org/10.1007/s11263-014-0733-5
"""

from metrics.counts import Counts, Scores

TASKS = ("segmentation",)
HIGHER_IS_BETTER = True
PER_CLASS = True


def measure(counts: Counts) -> Scores:
    return counts.right / union(counts).clip(1)


def by_true_class(counts: Counts) -> Scores:
    return measure(counts)


def union(counts: Counts) -> Scores:
    """(n,) pixels of a class in the truth, the prediction, or both."""
    return counts.predicted + counts.actual - counts.right
