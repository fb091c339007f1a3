"""Counts the classes of a model's answers, and keeps the probabilities that mAP is made of."""

import functools
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from components.evaluator import counting, worst_examples
from components.evaluator.counts import SplitCounts, cross_entropy
from components.evaluator.example_weights import weights_of
from components.evaluator.label_ids import LabelIds
from components.evaluator.plan import Plan, ShardBatch
from components.evaluator.reliability import BINS, binned, yes_uncalibrated
from components.tasks.multi_label.served_model import Labelled, ServedLabeller
from failures import Failure
from metrics import average_precision
from metrics.counts import LabelCounts

OF_ONE_CLASS = None
_SUMS = (
    "right", "predicted", "actual", "total", "correct", "loss", "weight", "unknown", "reliability",
)  # fmt: skip
NOTHING_COUNTED = "it has no examples."
TFMA_METRICS = {
    "example_count": ("ExampleCount", {}),
    "loss": ("BinaryCrossentropy", {}),
}


def summary(metrics: Mapping[str, float]) -> tuple[str, str, int]:
    main = "mean_average_precision"
    return f"mAP {metrics[main]:.4f}, macro F1 {metrics['macro_f1']:.4f}", main, 4


class Counts(LabelCounts):
    """One model's counts, which grow batch by batch, five bytes for each example and class.

    A champion's add four: the truth is one array for both.
    """

    unknown = 0  # labels that no model knows

    @classmethod
    def zeros(cls, classes: int) -> "Counts":
        numbers = (np.zeros(classes, np.int64) for _ in range(3))
        of_loss = {"loss": np.zeros(classes), "weight": np.zeros(classes)}
        return cls(*numbers, **of_loss, reliability=np.zeros((BINS, 3)))

    def add(
        self, truth: np.ndarray, answer: Labelled, unknown: np.ndarray, weights: np.ndarray
    ) -> np.ndarray:
        """Counts a batch.

        Args:
          truth: (batch, n) bool.
          unknown: (batch,) int, labels that no model knows: whatever is said lacks them.
          weights: (batch,) float, what the losses weigh.

        Returns:
          (batch,) float64 the mean binary cross-entropy of each example, nats, not weighted, over
          the classes that are `_counted`.
        """
        predicted, probabilities = answer.predicted, answer.probabilities
        losses = cross_entropy(np.where(truth, probabilities, 1 - probabilities)).astype(float)
        judged = _counted(truth, answer)
        losses[~judged] = 0
        classes = judged.sum(axis=1)  # (batch,)
        shares = (weights / classes)[:, np.newaxis]
        self.right += (truth & predicted).sum(axis=0)
        self.predicted += predicted.sum(axis=0)
        self.actual += truth.sum(axis=0)
        self.total += len(truth)
        self.correct += int(((truth == predicted).all(axis=1) & (unknown == 0)).sum())
        # One by one, so that the sums do not depend on the batches.
        self.loss = functools.reduce(np.add, losses * shares, self.loss)
        self.weight = functools.reduce(np.add, judged * shares, self.weight)
        self.unknown += int(unknown.sum())
        self.reliability = binned(probabilities[judged], truth[judged], self.reliability)
        self.answers.append((probabilities, truth))
        return losses.sum(axis=1) / classes

    def __iadd__(self, other: "Counts") -> "Counts":
        for name in _SUMS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.answers += other.answers
        return self

    def as_lists(self) -> dict[str, list]:
        return {
            "labels": np.stack([self.actual, self.predicted, self.right], 1).tolist(),
            "average_precision": average_precision.measure(self).tolist(),
            "loss": self.loss.tolist(),
            "weight": self.weight.tolist(),
            "reliability": self.reliability.tolist(),
        }


def _counted(truth: np.ndarray, answer: Labelled) -> np.ndarray:
    """(batch, n) bool: the classes by which a model is judged, those that it knows or should say.

    To lack what no image has is no merit: with another model's classes, its losses would be lower.
    """
    return answer.known | truth


class Counting(counting.Counting):
    """Counts any number of classes an image."""

    MODEL = ServedLabeller

    def __init__(self, plan: Plan):
        super().__init__(plan)
        self._labels = LabelIds(self.models, len(plan.class_names), plan.batch_size)

    def count(self, batch: ShardBatch, answers: list[Labelled], counts: SplitCounts) -> None:
        """Adds the answers to a batch to `counts`."""
        truth, unknown = self._truth(batch)
        weights = weights_of(batch, self._plan.features)
        losses = [
            counts.models[model.place.name].add(truth, answer, unknown, weights)
            for model, answer in zip(self.models, answers, strict=True)
        ]
        judged = _counted(truth, answers[0])
        before = yes_uncalibrated(answers[0].probabilities[judged], self._plan.temperature)
        counts.uncalibrated = binned(before, truth[judged], counts.uncalibrated)
        self._remember_worst(batch, truth, answers[0].predicted, losses[0], counts)

    def _truth(self, batch: ShardBatch) -> tuple[np.ndarray, np.ndarray]:
        """(batch, n) bool, the classes that each example has, and (batch,) int, how many labels
        beside them no model knows."""
        rows, raw = self._raw_labels(batch)
        ids = self._labels.of(raw, lambda index: self._alone(batch, rows[index], raw[index]))
        has = np.zeros((len(batch.serialized), len(self._plan.class_names) + 1), bool)
        has[rows, ids] = True
        truth, unknown = has[:, :-1], np.zeros(len(has), np.int64)
        strange = ids == truth.shape[1]
        for row, _ in set(zip(rows[strange].tolist(), raw[strange].tolist(), strict=True)):
            unknown[row] += 1
        return truth, unknown

    def _raw_labels(self, batch: ShardBatch) -> tuple[np.ndarray, np.ndarray]:
        """(labels,) int64, the example of each label, and (labels,) int64 or bytes objects."""
        feature = self._plan.features.label_feature
        dtype = tf.string if self._plan.label_is_bytes else tf.int64
        wanted = {feature: tf.io.VarLenFeature(dtype)}
        try:
            found = tf.io.parse_example(batch.serialized, wanted)[feature]
        except tf.errors.InvalidArgumentError as error:
            raise Failure(
                f"Evaluator: an Example of {batch.path} has labels {feature!r} of another type "
                "than the schema's. Repair the dataset."
            ) from error
        return found.indices.numpy()[:, 0], found.values.numpy()

    def _alone(self, batch: ShardBatch, row: int, label: int | bytes) -> bytes:
        """An example without its other labels."""
        example = tf.train.Example.FromString(batch.serialized[row])
        labels = example.features.feature[self._plan.features.label_feature]
        values = labels.bytes_list if self._plan.label_is_bytes else labels.int64_list
        values.value[:] = [label]
        return example.SerializeToString()

    def _remember_worst(
        self, batch: ShardBatch, truth, predicted, losses, counts: SplitCounts
    ) -> None:
        mistaken = (truth != predicted).any(axis=1)  # (batch,)
        if not mistaken.any():
            return

        def named(has: np.ndarray) -> str:
            names = self._plan.class_names
            return ", ".join(names[i] for i in np.flatnonzero(has)) or "no class"

        def show(index: int):
            facts = {
                "loss": float(losses[index]),
                "true": named(truth[index]),
                "predicted": named(predicted[index]),
            }
            return facts, self._picture(batch, index)

        badness = np.where(mistaken, losses, np.nan)
        counts.worst = worst_examples.offer(counts.worst, badness, batch, show)
