"""Of what is predicted as a class, the part that is of that class; 0 where nothing is."""

from metrics.counts import Counts, Scores

TASKS = ("classification", "multi_label", "segmentation")
HIGHER_IS_BETTER = True
PER_CLASS = True


def measure(counts: Counts) -> Scores:
    return counts.right / counts.predicted.clip(1)
