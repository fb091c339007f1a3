"""Sums over the examples of an epoch, kept on the device."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from components.trainer.losses import Judged
from metrics import catalog
from metrics.counts import Counts


class Totals(NamedTuple):
    """What an epoch, or the part of it so far, adds up to."""

    loss: float  # sum over the examples that count, weighted
    weight: float  # sum of their weights
    correct: float  # how many of them the model classified correctly
    counted: float  # how many of them there are
    left_out: float  # examples whose label is out of vocabulary (-1)
    misfits: float  # examples whose label is outside the classes
    broken_steps: float  # steps whose loss was not a finite number

    @property
    def mean_loss(self) -> float:
        return self.loss / self.weight if self.weight else math.nan

    @property
    def finite_loss(self) -> float | None:
        """`mean_loss`; None if it is not a finite number."""
        return self.mean_loss if math.isfinite(self.mean_loss) else None

    @property
    def accuracy(self) -> float:
        return self.correct / max(self.counted, 1)


class ClassSum(NamedTuple):
    """What one class (for segmentation, its pixels) contributed to the training."""

    examples: float  # each as often as it was trained with
    weight: float
    loss: float  # weighted


class Tallies:
    """One variable for all sums of an epoch: reading it waits for the device once.

    Args:
      classes: how many there are.
      by_class: whether to add up what each class contributes, over all epochs.
      confused: whether to count which class is taken for which, for `measure`.
    """

    def __init__(self, classes: int, by_class: bool = False, confused: bool = False):
        self.variable = _sum_over_devices([len(Totals._fields)])
        self.by_class = _sum_over_devices([classes, len(ClassSum._fields)]) if by_class else None
        self._confusion = _sum_over_devices([classes, classes]) if confused else None

    def add(self, logits: tf.Tensor, judged: Sequence[Judged]) -> None:
        """Adds a batch's logits (batch, …, classes), and how they were judged.

        Answers are right by the labels of the first; those of others only have weight and loss.
        """
        classes, labels = logits.shape[-1], judged[0].labels
        counts = (labels >= 0) & (labels < classes)
        predicted = tf.argmax(logits, -1, output_type=labels.dtype)
        correct = counts & (predicted == labels)
        count = tf.math.count_nonzero
        loss = tf.add_n([tf.reduce_sum(one.losses) for one in judged])
        sums = (
            loss,
            tf.add_n([tf.reduce_sum(one.weights) for one in judged]),
            count(correct),
            count(counts),
            count(labels == -1),
            count((labels < -1) | (labels >= classes)),
            count(~tf.math.is_finite(loss)),
        )
        self.variable.assign_add(tf.stack([tf.cast(value, tf.float64) for value in sums]))
        if self.by_class is not None:
            for number, one in enumerate(judged):
                is_first = tf.fill(tf.shape(one.weights), float(number == 0))
                brought = tf.stack([is_first, one.weights, one.losses], -1)
                # Negative numbers of segments are left out.
                known = (one.labels >= 0) & (one.labels < classes)
                segments = tf.where(known, one.labels, -tf.ones_like(one.labels))
                sums = tf.math.unsorted_segment_sum(brought, segments, classes)
                self.by_class.assign_add(tf.cast(sums, tf.float64))
        if self._confusion is not None:
            # Pixels that do not count fall into a cell behind the last one.
            cells = tf.where(counts, labels * classes + predicted, classes * classes)
            ones = tf.ones_like(cells, tf.int32)
            sums = tf.math.unsorted_segment_sum(ones, cells, classes * classes + 1)
            self._confusion.assign_add(
                tf.cast(tf.reshape(sums[:-1], (classes, classes)), tf.float64)
            )

    def class_sums(self) -> list[ClassSum]:
        """By class id, since the training began."""
        return [ClassSum(*row) for row in self.by_class.numpy().tolist()]

    def totals(self) -> Totals:
        return Totals(*self.variable.numpy().tolist())

    def measure(self, metric: str) -> float | None:
        """The metric of this name; None where no confusion is counted, or nothing was."""
        if self._confusion is None:
            return None
        counts = Counts(self._confusion.numpy())
        value = catalog.load(metric).measure(counts) if counts.total else math.nan
        return None if math.isnan(value) else value

    def clear(self) -> None:
        """Begins another epoch."""
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
