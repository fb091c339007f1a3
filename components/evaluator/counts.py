"""What is counted over a split, and all that any metric is computed from.

Its size depends on the number of classes and not on the number of examples, so
shards are counted apart and added up.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field

import numpy as np

from components.transform.corrupt_images import CorruptImage

TOP = 5
_SMALLEST_PROBABILITY = 1e-7  # Keras clips there as well; the loss stays finite.


@dataclass
class ModelCounts:
    """One model's counts over examples with `n` class names.

    Row n stands for labels that are in no vocabulary.
    """

    confusion: np.ndarray  # (n + 1, n) int64: true class, predicted class
    loss: np.ndarray  # (n + 1,) float64: summed cross-entropy by true class, nats
    top: np.ndarray  # (n + 1,) int64: true class among the TOP most probable

    @classmethod
    def zeros(cls, classes: int) -> "ModelCounts":
        return cls(
            np.zeros((classes + 1, classes), np.int64),
            np.zeros(classes + 1),
            np.zeros(classes + 1, np.int64),
        )

    def add(self, labels: np.ndarray, predicted: np.ndarray, probabilities: np.ndarray) -> None:
        """Counts a batch.

        Args:
          labels: (batch,) int64 in 0..n, n for a label in no vocabulary.
          predicted: (batch,) int64 in 0..n-1.
          probabilities: (batch, n) float, 0 for classes that the model does not know.
        """
        known = labels < probabilities.shape[1]
        of_label = np.zeros(len(labels))  # (batch,) probability of the true class
        of_label[known] = probabilities[known, labels[known]]
        likelier = (probabilities > of_label[:, np.newaxis]).sum(axis=1)  # (batch,)
        losses = -np.log(np.clip(of_label, _SMALLEST_PROBABILITY, 1.0))
        np.add.at(self.confusion, (labels, predicted), 1)
        np.add.at(self.loss, labels, losses)
        np.add.at(self.top, labels, (of_label > 0) & (likelier < TOP))

    def __iadd__(self, other: "ModelCounts") -> "ModelCounts":
        self.confusion += other.confusion
        self.loss += other.loss
        self.top += other.top
        return self


@dataclass
class Counts:
    """The counts of every model over some shards of a split."""

    models: dict[str, ModelCounts]
    corrupt: list[CorruptImage] = field(default_factory=list)
    failure: str = ""  # the message of a Failure, which Beam would wrap

    @classmethod
    def zeros(cls, models: Iterable[str], classes: int) -> "Counts":
        return cls({name: ModelCounts.zeros(classes) for name in models})

    def to_json(self) -> str:
        return json.dumps(
            {
                "models": {name: _to_lists(counts) for name, counts in self.models.items()},
                "corrupt": [asdict(image) for image in self.corrupt],
                "failure": self.failure,
            }
        )

    @classmethod
    def from_json(cls, text: str) -> "Counts":
        fields = json.loads(text)
        return cls(
            {name: _from_lists(lists) for name, lists in fields["models"].items()},
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
    return Counts(models, corrupt, next((part.failure for part in parts if part.failure), ""))


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
