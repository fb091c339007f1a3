"""Of what is of a class, the part that is predicted as that class; 0 where nothing is."""

from metrics.counts import Counts, Scores

TASKS = ("classification", "multi_label", "segmentation")
HIGHER_IS_BETTER = True
PER_CLASS = True


def measure(counts: Counts) -> Scores:
    return counts.right / counts.actual.clip(1)
