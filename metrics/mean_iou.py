"""The mean IoU of the classes that occur in the truth or the prediction; nan where none does."""

import math

from metrics import iou
from metrics.counts import Counts

TASKS = ("segmentation",)
HIGHER_IS_BETTER = True
PER_CLASS = False


def measure(counts: Counts) -> float:
    scores = iou.measure(counts)[iou.union(counts) > 0]
    return float(scores.mean()) if len(scores) else math.nan
