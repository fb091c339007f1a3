"""What the Evaluator counts over a split; every metric is computed from it.

Its size depends on the classes and on the pairs of them that occur, not on the number of
examples, so shards are counted apart and added up.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from components.evaluator.plan import Plan
from components.evaluator.reliability import BINS, binned
from components.evaluator.worst_examples import Ranked, worst_of
from components.tasks.evaluation import evaluation_of
from components.transform.corrupt_images import CorruptImage
from files.strict_json import text_of
from metrics.counts import Counts

_TOP = 5
_SMALLEST_PROBABILITY = 1e-7  # Keras clips there as well; the loss stays finite.


class ModelCounts(Counts):
    """One model's counts, which grow batch by batch; `top` and `reliability` stay 0 for pixels."""

    @classmethod
    def zeros(cls, classes: int) -> "ModelCounts":
        return cls(
            csr_array((classes + 1, classes), dtype=np.int64),
            np.zeros(classes + 1),
            np.zeros(classes + 1, np.int64),
            np.zeros(classes + 1),
            np.zeros((BINS, 3)),
        )

    def add(
        self,
        labels: np.ndarray,
        predicted: np.ndarray,
        probabilities: np.ndarray,
        weights: np.ndarray | float = 1.0,
    ) -> np.ndarray:
        """Counts a batch.

        Args:
          labels: (batch,) int64 in 0..n, n for a label in no vocabulary.
          predicted: (batch,) int64 in 0..n-1.
          probabilities: (batch, n) float, 0 for classes that the model does not know.
          weights: (batch,) float, or one for all: what the losses weigh.

        Returns:
          (batch,) float64 the cross-entropy of each example, nats, not weighted.
        """
        known = labels < probabilities.shape[1]
        of_label = np.zeros(len(labels))  # (batch,) probability of the true class
        of_label[known] = probabilities[known, labels[known]]
        # Of the same type: numpy would copy all of them into the wider one.
        least = of_label.astype(probabilities.dtype)[:, np.newaxis]
        likelier = np.count_nonzero(probabilities > least, axis=1)  # (batch,)
        losses = cross_entropy(of_label)
        self._confuse(np.ones(len(labels), np.int64), labels, predicted)
        np.add.at(self.loss, labels, weights * losses)
        np.add.at(self.weight, labels, weights)
        np.add.at(self.top, labels, (of_label > 0) & (likelier < _TOP))
        highest = probabilities.max(axis=1)
        self.reliability = binned(highest, labels == predicted, self.reliability)
        return losses

    def add_pixels(
        self, truth: np.ndarray, predicted: np.ndarray, of_truth: np.ndarray, weight: float = 1.0
    ) -> tuple[Counts, float]:
        """Counts the pixels of one image that have a class.

        Args:
          truth: (pixels,) int in 0..n-1.
          predicted: (pixels,) int in 0..n-1.
          of_truth: (pixels,) float32 probability of the true class.
          weight: what the image's losses weigh.

        Returns:
          The confusion of this image alone, and its summed cross-entropy in nats, not weighted.
        """
        pairs = truth.astype(np.intp) * self.classes + predicted  # (pixels,)
        confusion = np.bincount(pairs, minlength=self.classes**2)
        confusion = confusion.reshape(self.classes, self.classes)
        losses = np.bincount(truth, cross_entropy(of_truth), minlength=self.classes)  # (n,)
        rows, columns = np.nonzero(confusion)
        self._confuse(confusion[rows, columns], rows, columns)
        self.loss[:-1] += weight * losses
        self.weight[:-1] += weight * confusion.sum(axis=1)
        return Counts(confusion), float(losses.sum())

    def _confuse(self, numbers: np.ndarray, labels: np.ndarray, predicted: np.ndarray) -> None:
        pairs = (numbers, (labels, predicted))
        self.confusion = self.confusion + csr_array(pairs, shape=self.confusion.shape)

    @property
    def unknown(self) -> int:
        """Labels that no model knows."""
        return int(self.by_label[-1])

    def as_lists(self) -> dict[str, list]:
        pairs = self.confusion.tocoo()
        return {
            "shape": pairs.shape,
            "confusion": np.stack([pairs.row, pairs.col, pairs.data], 1).tolist(),
            "loss": self.loss.tolist(),
            "top": self.top.tolist(),
            "weight": self.weight.tolist(),
            "reliability": self.reliability.tolist(),
        }

    def __iadd__(self, other: Counts) -> "ModelCounts":
        self.confusion = self.confusion + other.confusion
        self.loss += other.loss
        self.top += other.top
        self.weight += other.weight
        self.reliability += other.reliability
        return self


def cross_entropy(of_truth: np.ndarray) -> np.ndarray:
    """-ln of the true class's probability, clipped; of the same shape and dtype."""
    return -np.log(np.clip(of_truth, _SMALLEST_PROBABILITY, 1.0))


@dataclass
class SplitCounts:
    """The counts of every model over some shards of a split."""

    models: dict[str, Any]  # `Counts` of the task's `evaluation.py`
    examples: int = 0  # images that the models answered
    corrupt: list[CorruptImage] = field(default_factory=list)
    worst: list[Ranked] = field(default_factory=list)  # the challenger's
    # The challenger's `reliability`, had its logits not been divided by its temperature.
    uncalibrated: np.ndarray = field(default_factory=lambda: np.zeros((BINS, 3)))

    @classmethod
    def of(cls, plan: Plan) -> "SplitCounts":
        """The counts before the first shard."""
        models = [place.name for place in plan.models]
        return cls.zeros(models, len(plan.class_names), evaluation_of(plan.features.task).Counts)

    @classmethod
    def zeros(
        cls, models: Iterable[str], classes: int, kind: type[Any] = ModelCounts
    ) -> "SplitCounts":
        return cls({name: kind.zeros(classes) for name in models})

    def __iadd__(self, other: "SplitCounts") -> "SplitCounts":
        """Adds other shards, which come after those counted so far."""
        for name, counts in other.models.items():
            self.models[name] += counts
        self.examples += other.examples
        self.corrupt += other.corrupt
        self.worst = worst_of([*self.worst, *other.worst])
        self.uncalibrated += other.uncalibrated
        return self

    def to_json(self) -> str:
        """Without the worst examples, whose pictures are files; see reading.py."""
        return text_of(
            {
                "models": {name: counts.as_lists() for name, counts in self.models.items()},
                "uncalibrated": self.uncalibrated.tolist(),
                "examples": self.examples,
                "corrupt": [asdict(image) for image in self.corrupt],
            }
        )
