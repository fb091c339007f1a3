"""The mean cross-entropy of an image, or of a pixel, in nats."""

from metrics.counts import Counts, Scores

TASKS = ("classification", "segmentation")
HIGHER_IS_BETTER = False
PER_CLASS = False


def measure(counts: Counts) -> float:
    return float(counts.loss.sum() / counts.total)


def by_true_class(counts: Counts) -> Scores:
    return counts.loss / counts.by_label.clip(1)
