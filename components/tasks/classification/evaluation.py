"""Counts a classifier's answers, and the mistakes of highest loss."""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from components.evaluator import counting, worst_examples
from components.evaluator.counts import ModelCounts, SplitCounts
from components.evaluator.example_weights import weights_of
from components.evaluator.label_ids import LabelIds
from components.evaluator.plan import Plan, ShardBatch
from components.evaluator.reliability import binned, uncalibrated
from components.evaluator.served_model import ServedModel
from components.evaluator.tfma_result import MATRIX
from failures import Failure

# Of each model: classes (batch,) int64 and probabilities (batch, n) float32.
Answers = list[tuple[np.ndarray, np.ndarray]]
Counts = ModelCounts
OF_ONE_CLASS = "example_count"
NOTHING_COUNTED = "it has no examples."
TFMA_METRICS = {
    "example_count": ("ExampleCount", {}),
    "accuracy": ("SparseCategoricalAccuracy", {}),
    "loss": ("SparseCategoricalCrossentropy", {}),
    MATRIX: ("MultiClassConfusionMatrixAtThresholds", {"thresholds": [0.0]}),
    "top_5_accuracy": ("SparseTopKCategoricalAccuracy", {"k": 5}),
}


def summary(metrics: Mapping[str, float]) -> tuple[str, str, int]:
    return f"accuracy {metrics['accuracy']:.4f}", "accuracy", 4


class Counting(counting.Counting):
    """Counts one class an image."""

    MODEL = ServedModel

    def __init__(self, plan: Plan):
        super().__init__(plan)
        self._labels = LabelIds(self.models, len(plan.class_names), plan.batch_size)

    def count(self, batch: ShardBatch, answers: Answers, counts: SplitCounts) -> None:
        """Adds the answers to a batch to `counts`."""
        labels = self._labels.of(self._raw_labels(batch), lambda index: batch.serialized[index])
        weights = weights_of(batch, self._plan.features)
        losses = [
            counts.models[model.place.name].add(labels, *answer, weights)
            for model, answer in zip(self.models, answers, strict=True)
        ]
        predicted, probabilities = answers[0]
        before = uncalibrated(probabilities, self._plan.temperature)
        counts.uncalibrated = binned(before, labels == predicted, counts.uncalibrated)
        self._remember_worst(batch, labels, answers[0], losses[0], counts)

    def _remember_worst(
        self, batch: ShardBatch, labels, answers, losses, counts: SplitCounts
    ) -> None:
        predicted, probabilities = answers
        names = self._plan.class_names
        # A label in no vocabulary is not the model's mistake.
        mistaken = (labels != predicted) & (labels < len(names))  # (batch,)
        if not mistaken.any():
            return

        def show(index: int):
            answer = predicted[index]
            facts = {
                "loss": float(losses[index]),
                "true": names[labels[index]],
                "predicted": names[answer],
                "probability": float(probabilities[index, answer]),
            }
            return facts, self._picture(batch, index)

        badness = np.where(mistaken, losses, np.nan)
        counts.worst = worst_examples.offer(counts.worst, badness, batch, show)

    def _raw_labels(self, batch: ShardBatch) -> np.ndarray:
        """(batch,) the labels as the dataset has them: int64, or bytes objects."""
        feature = self._plan.features.label_feature
        dtype = tf.string if self._plan.label_is_bytes else tf.int64
        wanted = {feature: tf.io.FixedLenFeature([], dtype)}
        try:
            parsed = tf.io.parse_example(batch.serialized, wanted)
        except tf.errors.InvalidArgumentError as error:
            raise Failure(
                f"Evaluator: an Example of {batch.path} has no single label {feature!r}. "
                "Leave unlabelled examples out of the split."
            ) from error
        return parsed[feature].numpy()
