"""The part of the images, or of the pixels, whose most probable class is the true one.

Of images with any number of classes, the part whose classes are all right, and no other is said.
Labels in no vocabulary count as wrong.
"""

from metrics.counts import Counts, Scores

TASKS = ("classification", "multi_label", "segmentation")
HIGHER_IS_BETTER = True
PER_CLASS = False


def measure(counts: Counts) -> float:
    return float(counts.correct / counts.total)


def by_true_class(counts: Counts) -> Scores:
    import numpy as np

    right = np.zeros(len(counts.by_label))
    right[: counts.classes] = counts.right
    return right / counts.by_label.clip(1)
