"""Counts the pixels of a segmenting model's answers, and the images of lowest mean IoU."""

import math
from collections.abc import Iterator, Mapping

import numpy as np
import tensorflow as tf

from components.evaluator import counting, worst_examples
from components.evaluator.counts import ModelCounts, SplitCounts
from components.evaluator.example_weights import weights_of
from components.evaluator.plan import Plan, ShardBatch
from components.evaluator.served_model import Segmented, ServedSegmenter
from components.evaluator.tfma_result import MATRIX
from metrics import mean_iou
from settings.data import Features

_SIDE = 8  # pixels of a mask of one class alone

Counts = ModelCounts
OF_ONE_CLASS = "pixel_count"
NOTHING_COUNTED = "its masks hold no pixel of any class. Check the pixel values in mask_classes."
# The examples of all but the first are pixels.
TFMA_METRICS = {
    "example_count": ("ExampleCount", {}),
    "accuracy": ("SparseCategoricalAccuracy", {}),
    "loss": ("SparseCategoricalCrossentropy", {}),
    MATRIX: ("MultiClassConfusionMatrixAtThresholds", {"thresholds": [0.0]}),
}


def summary(metrics: Mapping[str, float]) -> tuple[str, str, int]:
    iou, accuracy = metrics["mean_iou"], metrics["accuracy"]
    return f"mean IoU {iou:.2f}, pixel accuracy {accuracy:.2f}", "mean_iou", 2


class Counting(counting.Counting):
    """Counts the pixels of each class.

    A model is compared with the truth that its own transform gives, at its own image size, and
    what a pixel value means there is what the configuration says, as the challenger learnt it: the
    champion's masks may have had other values. Pixels of no class count nowhere.
    """

    MODEL = ServedSegmenter

    def __init__(self, plan: Plan):
        super().__init__(plan)
        self._values_are_known = len(self.models) == 1

    def count(self, batch: ShardBatch, answers: list[Segmented], counts: SplitCounts) -> None:
        """Adds the answers to a batch to `counts`."""
        if not self._values_are_known:
            self._values_are_known = True
            for champion in self.models[1:]:
                champion.read_as(_of_one_class(batch.serialized[0], self._plan.features))
        truths, weights = self._joint_truths(answers), weights_of(batch, self._plan.features)
        ious, losses = [], []
        for index in range(len(batch.records)):
            for model, answer, truth in zip(self.models, answers, truths, strict=True):
                of_model = counts.models[model.place.name]
                of_image, loss = self._count_image(
                    model, answer, truth, index, of_model, weights[index]
                )
                if model is self.models[0]:
                    ious.append(mean_iou.measure(of_image))
                    losses.append(loss / max(1, of_image.total))
        self._remember_worst(batch, answers[0], truths[0], ious, losses, counts)

    def _joint_truths(self, answers: list[Segmented]) -> list[np.ndarray]:
        """Each model's truth in joint classes, (batch, height, width) int16, -1 for no class.

        Pixels of a class that a model does not see are taken from a model that sees it, so that
        they count against the former, or for it where it knows the class by another pixel value.
        """
        own = [
            model.truth_to_joint[answer.truth]
            for model, answer in zip(self.models, answers, strict=True)
        ]
        truths = []
        for model, truth in zip(self.models, own, strict=True):
            for other, there in zip(self.models, own, strict=True):
                strange = np.setdiff1d(other.truth_to_joint, model.truth_to_joint)
                truth = _filled(truth, there, strange) if len(strange) else truth
            truths.append(truth)
        return truths

    def _count_image(
        self, model, answer: Segmented, truth, index: int, counts: ModelCounts, weight: float
    ):
        truth = truth[index].ravel()  # (pixels,)
        counted = np.flatnonzero(truth >= 0)
        truth = truth[counted]
        predicted = model.to_joint[answer.mask[index].ravel()[counted]]
        own = model.from_joint[truth]  # (counted,) -1 where the model lacks the class
        probabilities = answer.probabilities[index]  # (height, width, own classes)
        of_truth = probabilities.reshape(-1)[counted * probabilities.shape[-1] + own]
        of_truth = np.where(own >= 0, of_truth, np.float32(0))
        return counts.add_pixels(truth, predicted, of_truth, weight)

    def _remember_worst(self, batch: ShardBatch, answer, truth, ious, losses, counts) -> None:
        from components.evaluator import pictures  # Pillow
        from settings.data import NO_CLASS

        def show(index: int):
            prediction = self.models[0].to_joint[answer.mask[index]]  # (height, width)
            actual = truth[index].astype(np.uint16)  # -1 becomes the highest number
            actual = np.minimum(actual, NO_CLASS)
            shown = pictures.segmented(answer.image(index), actual, prediction)
            return {"loss": losses[index], "iou": ious[index]}, shown

        badness = 1.0 - np.array(ious)  # (batch,) nan where there is no pixel to count
        badness[(badness == 0) | ~np.isfinite(losses)] = math.nan
        counts.worst = worst_examples.offer(counts.worst, badness, batch, show)


def _of_one_class(serialized: bytes, features: Features) -> Iterator[bytes]:
    """An example again and again, each time with a mask of one class alone, in their order."""
    example = tf.train.Example.FromString(serialized)
    colours = [colour.to_bytes(3, "big") for colour in features.mask_colours]
    for pixel in colours or [bytes([value]) for value in features.mask_values]:
        grey = np.zeros((_SIDE, _SIDE, 1), np.uint8)
        mask = np.broadcast_to(np.frombuffer(pixel, np.uint8), (_SIDE, _SIDE, len(pixel)))
        for feature, pixels in ((features.image_feature, grey), (features.mask_feature, mask)):
            encoded = tf.io.encode_png(pixels).numpy()
            example.features.feature[feature].bytes_list.value[:] = [encoded]
        yield example.SerializeToString()


def _filled(truth: np.ndarray, other: np.ndarray, strange: np.ndarray) -> np.ndarray:
    """The truth with the classes that only another model sees.

    Args:
      truth: (batch, height, width) int16 joint classes, -1 for none.
      other: the same images' truths as the other model sees them, of any height and width.
      strange: joint classes that `truth` cannot hold.

    Returns:
      (batch, height, width) int16.
    """
    height, width = truth.shape[1:]
    rows = (np.arange(height) * other.shape[1] + other.shape[1] // 2) // height
    columns = (np.arange(width) * other.shape[2] + other.shape[2] // 2) // width
    there = other[:, rows[:, np.newaxis], columns]  # (batch, height, width), nearest pixels
    return np.where((truth < 0) & np.isin(there, strange), there, truth)
