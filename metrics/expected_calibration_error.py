"""How far a model's confidence is from the part of its answers that are right, on average.

The sum over bins of confidence of |accuracy - mean confidence|, each times its part of the images,
with the bins (0, 1/15], (1/15, 2/15] … Source: Guo and others (2017, arXiv:1706.04599), equation 3,
after Naeini and others (2015). With several labels, each class of each image is an answer: its
probability is the confidence, and the part of them that are true the accuracy. It is nan where
confidence was not counted.
"""

import math

from metrics.counts import Counts, LabelCounts

TASKS = ("classification", "multi_label")
HIGHER_IS_BETTER = False
PER_CLASS = False
OF_PROBABILITIES = True
BINS = 15


def measure(counts: Counts | LabelCounts) -> float:
    return math.nan if counts.reliability is None else error(counts.reliability)


def error(reliability) -> float:
    """Of the bins of `reliability`."""
    examples, right, confidence = zip(*reliability, strict=True)
    apart = sum(abs(r - c) for r, c in zip(right, confidence, strict=True))
    return float(apart / sum(examples)) if sum(examples) else math.nan
