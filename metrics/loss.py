"""The mean cross-entropy of an image, or of a pixel, in nats, weighted where examples have weights.

It is nan where all weights are 0.
"""

import math

from metrics.counts import Counts, Scores

TASKS = ("classification", "multi_label", "segmentation")
HIGHER_IS_BETTER = False
PER_CLASS = False
HIGHEST = math.inf


def measure(counts: Counts) -> float:
    weight = counts.weighed.sum()
    return float(counts.loss.sum() / weight) if weight else math.nan


def by_true_class(counts: Counts) -> Scores:
    weight = counts.weighed
    return counts.loss / (weight + (weight == 0))
