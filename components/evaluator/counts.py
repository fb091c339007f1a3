"""What is counted over a split, and all that any metric is computed from.

Its size depends on the number of classes and not on the number of examples, so
shards are counted apart and added up.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field

import numpy as np

from components.evaluator.worst_examples import WorstExample, worst_of
from components.transform.corrupt_images import CorruptImage

TOP = 5
_SMALLEST_PROBABILITY = 1e-7  # Keras clips there as well; the loss stays finite.


@dataclass
class ModelCounts:
    """One model's counts with `n` class names, over images or, for segmentation, over pixels.

    Row n stands for labels that are in no vocabulary.
    """

    confusion: np.ndarray  # (n + 1, n) int64: true class, predicted class
    loss: np.ndarray  # (n + 1,) float64: summed cross-entropy by true class, nats
    top: np.ndarray  # (n + 1,) int64: true class among the TOP most probable; 0 for pixels

    @classmethod
    def zeros(cls, classes: int) -> "ModelCounts":
        return cls(
            np.zeros((classes + 1, classes), np.int64),
            np.zeros(classes + 1),
            np.zeros(classes + 1, np.int64),
        )

    def add(
        self, labels: np.ndarray, predicted: np.ndarray, probabilities: np.ndarray
    ) -> np.ndarray:
        """Counts a batch.

        Args:
          labels: (batch,) int64 in 0..n, n for a label in no vocabulary.
          predicted: (batch,) int64 in 0..n-1.
          probabilities: (batch, n) float, 0 for classes that the model does not know.

        Returns:
          (batch,) float64 the cross-entropy of each example, nats.
        """
        known = labels < probabilities.shape[1]
        of_label = np.zeros(len(labels))  # (batch,) probability of the true class
        of_label[known] = probabilities[known, labels[known]]
        likelier = (probabilities > of_label[:, np.newaxis]).sum(axis=1)  # (batch,)
        losses = cross_entropy(of_label)
        np.add.at(self.confusion, (labels, predicted), 1)
        np.add.at(self.loss, labels, losses)
        np.add.at(self.top, labels, (of_label > 0) & (likelier < TOP))
        return losses

    def add_pixels(
        self, truth: np.ndarray, predicted: np.ndarray, of_truth: np.ndarray
    ) -> tuple[np.ndarray, float]:
        """Counts the pixels of one image that have a class.

        Args:
          truth: (pixels,) int in 0..n-1.
          predicted: (pixels,) int in 0..n-1.
          of_truth: (pixels,) float32 probability of the true class.

        Returns:
          confusion: (n, n) int64 of this image: true class, predicted class.
          loss: its summed cross-entropy, nats.
        """
        classes = self.confusion.shape[1]
        pairs = truth.astype(np.intp) * classes + predicted  # (pixels,)
        confusion = np.bincount(pairs, minlength=classes**2).reshape(classes, classes)
        losses = np.bincount(truth, cross_entropy(of_truth), minlength=classes)  # (n,) float64
        self.confusion[:-1] += confusion
        self.loss[:-1] += losses
        return confusion, float(losses.sum())

    def __iadd__(self, other: "ModelCounts") -> "ModelCounts":
        self.confusion += other.confusion
        self.loss += other.loss
        self.top += other.top
        return self


def cross_entropy(of_truth: np.ndarray) -> np.ndarray:
    """-ln of the true class's probability, clipped; the shape and dtype of what is given."""
    return -np.log(np.clip(of_truth, _SMALLEST_PROBABILITY, 1.0))


@dataclass
class Counts:
    """The counts of every model over some shards of a split."""

    models: dict[str, ModelCounts]
    examples: int = 0  # images that the models answered
    corrupt: list[CorruptImage] = field(default_factory=list)
    failure: str = ""  # the message of a Failure, which Beam would wrap
    worst: list[WorstExample] = field(default_factory=list)  # the challenger's; in no JSON

    @classmethod
    def zeros(cls, models: Iterable[str], classes: int) -> "Counts":
        return cls({name: ModelCounts.zeros(classes) for name in models})

    def to_json(self) -> str:
        return json.dumps(
            {
                "models": {name: _to_lists(counts) for name, counts in self.models.items()},
                "examples": self.examples,
                "corrupt": [asdict(image) for image in self.corrupt],
                "failure": self.failure,
            }
        )

    @classmethod
    def from_json(cls, text: str) -> "Counts":
        fields = json.loads(text)
        return cls(
            {name: _from_lists(lists) for name, lists in fields["models"].items()},
            fields["examples"],
            [CorruptImage(**image) for image in fields["corrupt"]],
            fields["failure"],
        )


def total(parts: Sequence[Counts]) -> Counts:
    """Adds up what was counted over the shards, in an order that does not matter."""
    first, *others = parts
    models = {
        name: ModelCounts(c.confusion.copy(), c.loss.copy(), c.top.copy())
        for name, c in first.models.items()
    }
    for part in others:
        for name, counts in part.models.items():
            models[name] += counts
    corrupt = [image for part in parts for image in part.corrupt]
    corrupt.sort(key=lambda image: (image.file, image.record))
    return Counts(
        models,
        sum(part.examples for part in parts),
        corrupt,
        next((part.failure for part in parts if part.failure), ""),
        worst_of(one for part in parts for one in part.worst),
    )


def _to_lists(counts: ModelCounts) -> dict:
    rows, columns = np.nonzero(counts.confusion)
    return {
        "shape": counts.confusion.shape,
        "confusion": np.stack([rows, columns, counts.confusion[rows, columns]], 1).tolist(),
        "loss": counts.loss.tolist(),
        "top": counts.top.tolist(),
    }


def _from_lists(lists: Mapping) -> ModelCounts:
    confusion = np.zeros(lists["shape"], np.int64)
    entries = np.array(lists["confusion"], np.int64).reshape(-1, 3)
    confusion[entries[:, 0], entries[:, 1]] = entries[:, 2]
    return ModelCounts(confusion, np.array(lists["loss"]), np.array(lists["top"], np.int64))
