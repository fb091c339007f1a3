"""The area under each class's curve of precision over recall, without interpolation; 0 for a class
that no label has.

Images are ranked by the class's probability, and those of one probability count together, as
scikit-learn's `average_precision_score` has it.
"""

from metrics.counts import LabelCounts, Scores

TASKS = ("multi_label",)
HIGHER_IS_BETTER = True
PER_CLASS = True
OF_PROBABILITIES = True


def measure(counts: LabelCounts) -> Scores:
    import numpy as np

    scores, truth = counts.scores
    return np.array([_of_class(*pair) for pair in zip(scores.T, truth.T, strict=True)])


def _of_class(scores, truth) -> float:
    """Of (images,) probabilities and whether the class is true."""
    import numpy as np

    if not truth.any():
        return 0.0
    order = np.argsort(-scores, kind="stable")
    scores, right = scores[order], np.cumsum(truth[order])
    last = np.flatnonzero(np.append(scores[1:] != scores[:-1], True))  # of each probability
    right = right[last]
    gained = np.diff(right, prepend=0) / right[-1]
    return float((gained * right / (last + 1)).sum())
