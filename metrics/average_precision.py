"""The area under each class's curve of precision over recall, without interpolation; 0 for a class
that no label has.

Images are ranked by the class's probability, and those of one probability count together, as
scikit-learn's `average_precision_score` has it.
"""

from metrics.counts import LabelCounts, Scores

TASKS = ("multi_label",)
HIGHER_IS_BETTER = True
PER_CLASS = True


def measure(counts: LabelCounts) -> Scores:
    import numpy as np

    if counts.ranks is not None:
        return np.array([_of_ranks(*columns.T) for columns in counts.ranks])
    return np.array([_of_class(*counts.of_class(number)) for number in range(counts.classes)])


def _of_class(scores, truth) -> float:
    """Of (images,) probabilities and whether the class is true."""
    import numpy as np

    if not truth.any():
        return 0.0
    order = np.argsort(-scores, kind="stable")
    scores, right = scores[order], np.cumsum(truth[order])
    last = np.flatnonzero(np.append(scores[1:] != scores[:-1], True))  # of each probability
    return _area(right[last], last + 1)


def _of_ranks(images, having) -> float:
    """Of (ranks,) numbers of images, from the least probable on, and of those with the class."""
    import numpy as np

    if not having.any():
        return 0.0
    last = images[::-1] > 0
    return _area(np.cumsum(having[::-1])[last], np.cumsum(images[::-1])[last])


def _area(right, predicted) -> float:
    """Of numbers of images, from the most probable on: with the class, and altogether."""
    import numpy as np

    gained = np.diff(right, prepend=0) / right[-1]
    return float((gained * right / predicted).sum())
