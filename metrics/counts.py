"""What a model answered, counted: all that a metric is computed from."""

from dataclasses import dataclass, field
from typing import Any

# NumPy arrays, without NumPy's import: the (n,) or (n + 1,) float64 values of the classes.
Scores = Any
_Numbers = Any


@dataclass
class Counts:
    """The counts of one model with `n` classes, over images or, for segmentation, over pixels.

    Row n, which may be left out, stands for labels in no vocabulary.
    """

    confusion: _Numbers  # (n + 1, n) number: true class, predicted class; may be a csr_array
    loss: _Numbers = None  # (n + 1,) float64: summed cross-entropy, weighted, nats
    top: _Numbers = None  # (n + 1,) int64: true class among the five likeliest
    weight: _Numbers = None  # (n + 1,) float64: of what is in `loss`; None: each weighs 1
    # (bins, 3) float64: examples, right ones and summed confidence by confidence; none for pixels
    reliability: _Numbers = None

    @property
    def classes(self) -> int:
        return self.confusion.shape[1]

    @property
    def total(self) -> float:
        """All that was counted, labels in no vocabulary as well."""
        return self.confusion.sum()

    @property
    def correct(self) -> float:
        """All that was classified correctly."""
        return self.right.sum()

    @property
    def right(self) -> _Numbers:
        """(n,) by class: true and predicted."""
        return self.confusion.diagonal()

    @property
    def predicted(self) -> _Numbers:
        """(n,) by predicted class."""
        return self.confusion.sum(axis=0)

    @property
    def actual(self) -> _Numbers:
        """(n,) by true class."""
        return self.by_label[: self.classes]

    @property
    def weighed(self) -> _Numbers:
        """(n + 1,) by true class: what all that `loss` holds weighs together."""
        return self.by_label if self.weight is None else self.weight

    @property
    def by_label(self) -> _Numbers:
        """(n + 1,) by true class, with labels in no vocabulary behind the others."""
        return self.confusion.sum(axis=1)


@dataclass
class LabelCounts:
    """The counts of one model that gives an image any number of `n` classes."""

    right: _Numbers  # (n,) images by class: true and predicted
    predicted: _Numbers  # (n,) images by predicted class
    actual: _Numbers  # (n,) images by true class
    total: float = 0  # images
    correct: float = 0  # images whose classes are all right, and no other is predicted
    loss: _Numbers = None  # (n,) float64: summed binary cross-entropy, weighted, nats
    weight: _Numbers = None  # (n,) float64: of what is in `loss`
    # Of some images each, (images, n) float32 probabilities, and bool, which classes are true.
    answers: list[tuple[_Numbers, _Numbers]] = field(default_factory=list)
    # Instead of `answers`, (n, ranks, 2) number by class: the images whose probabilities lie in one
    # of so many small ranges, from the lowest on, and those of them that have the class.
    ranks: _Numbers = None
    # (bins, 3) float64: classes of images, those that are true, and summed probability of them, by
    # probability
    reliability: _Numbers = None

    @property
    def classes(self) -> int:
        return len(self.actual)

    @property
    def weighed(self) -> _Numbers:
        return self.weight

    def of_class(self, number: int) -> tuple[_Numbers, _Numbers]:
        """Of all images, (images,) float32 probabilities of a class, and bool, whether it is true.

        One class after another: all of them together would be a second copy of `answers`.
        """
        import numpy as np

        scores = [scores[:, number] for scores, _ in self.answers]
        truth = [truth[:, number] for _, truth in self.answers]
        none = np.zeros(0, np.float32)
        return np.concatenate([none, *scores]), np.concatenate([none > 0, *truth])
