"""Counts the classes of a model's answers, and keeps the probabilities that mAP is made of."""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from components.evaluator import counting, worst_examples
from components.evaluator.counts import SplitCounts, cross_entropy
from components.evaluator.example_weights import weights_of
from components.evaluator.plan import ShardBatch
from components.evaluator.reliability import BINS, binned, yes_uncalibrated
from components.tasks.multi_label.served_model import Labelled, ServedLabeller
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
        self.loss += (losses * shares).sum(axis=0)
        self.weight += (judged * shares).sum(axis=0)
        self.unknown += int(unknown.sum())
        self.reliability += binned(probabilities[judged], truth[judged])
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

    def count(self, batch: ShardBatch, answers: list[Labelled], counts: SplitCounts) -> None:
        """Adds the answers to a batch to `counts`."""
        truth = np.any([answer.truth for answer in answers], axis=0)  # (batch, n)
        unknown = self._distinct_labels(batch) - truth.sum(axis=1)
        weights = weights_of(batch, self._plan.features)
        losses = [
            counts.models[model.place.name].add(truth, answer, unknown, weights)
            for model, answer in zip(self.models, answers, strict=True)
        ]
        judged = _counted(truth, answers[0])
        before = yes_uncalibrated(answers[0].probabilities[judged], self._plan.temperature)
        counts.uncalibrated += binned(before, truth[judged])
        self._remember_worst(batch, truth, answers[0].predicted, losses[0], counts)

    def _distinct_labels(self, batch: ShardBatch) -> np.ndarray:
        """(batch,) int: how many classes each example has, whether a model knows them or not."""
        feature = self._plan.features.label_feature
        dtype = tf.string if self._plan.label_is_bytes else tf.int64
        wanted = {feature: tf.io.VarLenFeature(dtype)}
        found = tf.io.parse_example(batch.serialized, wanted)[feature]
        _, labels = np.unique(found.values.numpy(), return_inverse=True)
        pairs = np.stack([found.indices.numpy()[:, 0], labels.ravel()], 1)
        return np.bincount(np.unique(pairs, axis=0)[:, 0], minlength=len(batch.serialized))

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
