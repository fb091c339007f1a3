"""Sums over the examples of an epoch, kept on the device."""

import math
from typing import NamedTuple

import tensorflow as tf

from metrics import mean_iou
from metrics.counts import Counts
from settings.data import NO_CLASS


class Totals(NamedTuple):
    """What an epoch, or the part of it so far, adds up to."""

    loss: float  # sum over the examples that count
    correct: float  # how many of them the model classified correctly
    counted: float  # how many of them there are
    left_out: float  # examples whose label is out of vocabulary (-1)
    misfits: float  # examples whose label is outside the classes
    broken_steps: float  # steps whose loss was not a finite number

    @property
    def mean_loss(self) -> float:
        return self.loss / max(self.counted, 1)

    @property
    def finite_loss(self) -> float | None:
        """`mean_loss`; None if it is not a finite number."""
        return self.mean_loss if math.isfinite(self.mean_loss) else None

    @property
    def accuracy(self) -> float:
        return self.correct / max(self.counted, 1)


class Tallies:
    """One variable for all sums: reading it waits for the device once.

    Args:
      confused_classes: the classes of the confusion matrix, for `mean_iou`; 0 counts none.
    """

    def __init__(self, confused_classes: int = 0):
        self.variable = _sum_over_devices([len(Totals._fields)])
        self._confusion = None
        if confused_classes:
            self._confusion = _sum_over_devices([confused_classes, confused_classes])

    def add(self, losses: tf.Tensor, logits: tf.Tensor, labels: tf.Tensor) -> None:
        """Adds a batch: losses and labels (batch, …), logits (batch, …, classes)."""
        classes = logits.shape[-1]
        counts = (labels >= 0) & (labels < classes)
        predicted = tf.argmax(logits, -1, output_type=labels.dtype)
        correct = counts & (predicted == labels)
        count = tf.math.count_nonzero
        sums = (
            tf.reduce_sum(losses),
            count(correct),
            count(counts),
            count(labels == -1),
            count((labels < -1) | (labels >= classes)),
            count(~tf.math.is_finite(tf.reduce_sum(losses))),
        )
        self.variable.assign_add(tf.stack([tf.cast(value, tf.float64) for value in sums]))
        if self._confusion is not None:
            # Pixels that do not count fall into a cell behind the last one.
            cells = tf.where(counts, labels * classes + predicted, classes * classes)
            ones = tf.ones_like(cells, tf.int32)
            sums = tf.math.unsorted_segment_sum(ones, cells, classes * classes + 1)
            self._confusion.assign_add(
                tf.cast(tf.reshape(sums[:-1], (classes, classes)), tf.float64)
            )

    def totals(self) -> Totals:
        return Totals(*self.variable.numpy().tolist())

    def mean_iou(self) -> float | None:
        """The metric of that name; None where no confusion is counted, or nothing was."""
        if self._confusion is None:
            return None
        iou = mean_iou.measure(Counts(self._confusion.numpy()))
        return None if math.isnan(iou) else iou

    def clear(self) -> None:
        self.variable.assign(tf.zeros_like(self.variable))
        if self._confusion is not None:
            self._confusion.assign(tf.zeros_like(self._confusion))


def _sum_over_devices(shape: list[int]) -> tf.Variable:
    return tf.Variable(
        tf.zeros(shape, tf.float64),
        trainable=False,
        # Each device adds up its own; reading sums over the devices.
        synchronization=tf.VariableSynchronization.ON_READ,
        aggregation=tf.VariableAggregation.SUM,
    )


def class_ids(targets: tf.Tensor) -> tf.Tensor:
    """Labels (batch,) int64 as they are; masks (batch, height, width, 1) uint8 as
    (batch, height, width) int32, with -1 for pixels without a class."""
    if targets.dtype != tf.uint8:
        return targets
    ids = tf.cast(targets[..., 0], tf.int32)
    return tf.where(ids == NO_CLASS, -1, ids)


def losses(logits: tf.Tensor, labels: tf.Tensor, smoothing: float = 0.0) -> tf.Tensor:
    """Cross entropy of each example, (batch, …) float32; 0 if the label is not a class.

    Args:
      smoothing: share of each label that goes to all classes alike, 0..1 (Szegedy and others,
        2016, arXiv:1512.00567).
    """
    counts = (labels >= 0) & (labels < logits.shape[-1])
    safe = tf.where(counts, labels, tf.zeros_like(labels))
    logits = tf.cast(logits, tf.float32)
    entropy = tf.nn.sparse_softmax_cross_entropy_with_logits(safe, logits)
    if smoothing:
        to_all = tf.reduce_logsumexp(logits, -1) - tf.reduce_mean(logits, -1)
        entropy = (1 - smoothing) * entropy + smoothing * to_all
    return tf.where(counts, entropy, tf.zeros_like(entropy))
