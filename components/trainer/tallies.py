"""Sums over the examples of an epoch, kept on the device."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from components.trainer.losses import Judged
from metrics import catalog
from metrics.counts import Counts, LabelCounts


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

    examples: float  # each counted as often as it was trained with
    weight: float
    loss: float  # weighted


class Tallies:
    """One variable for all sums of an epoch: reading it waits for the device once.

    Args:
      classes: how many there are.
      by_class: whether to add up what each class contributes, over all epochs.
      metrics: those that `measure` is to give, for which is counted what is taken for which class.
    """

    CELLS: int | None = None  # of each class, in what metrics are computed from; None: the classes

    def __init__(self, classes: int, by_class: bool = False, metrics: Sequence[str] = ()):
        self.variable = sum_over_devices([len(Totals._fields)])
        self.by_class = sum_over_devices([classes, len(ClassSum._fields)]) if by_class else None
        cells = [classes, self.CELLS or classes]
        self._confusion = sum_over_devices(cells) if metrics else None

    def add(self, logits: tf.Tensor, judged: Sequence[Judged]) -> None:
        """Adds a batch's logits (batch, …, classes), and how they were judged.

        Answers are right by the labels of the first; those of others only have weight and loss.
        """
        count, labels = tf.math.count_nonzero, judged[0].labels
        loss = tf.add_n([tf.reduce_sum(one.losses) for one in judged])
        sums = (
            loss,
            tf.add_n([tf.reduce_sum(one.weights) for one in judged]),
            *map(count, self._counts(logits, labels)),
            count(~tf.math.is_finite(loss)),
        )
        self.variable.assign_add(tf.stack([tf.cast(value, tf.float64) for value in sums]))
        if self.by_class is not None:
            for number, one in enumerate(judged):
                brought = self._by_class(one, number == 0)
                self.by_class.assign_add(tf.cast(brought, tf.float64))
        if self._confusion is not None:
            self._confusion.assign_add(self._cells(logits, labels))

    def _counts(self, logits: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """Which answers are right, count, are left out and are misfits, as bool."""
        classes = logits.shape[-1]
        counts = (labels >= 0) & (labels < classes)
        right = counts & (tf.argmax(logits, -1, output_type=labels.dtype) == labels)
        return right, counts, labels == -1, (labels < -1) | (labels >= classes)

    def _by_class(self, judged: Judged, is_first: bool) -> tf.Tensor:
        """(classes, 3) what a batch brings to each ClassSum."""
        classes = self.by_class.shape[0]
        number = tf.fill(tf.shape(judged.weights), float(is_first))
        brought = tf.stack([number, judged.weights, judged.losses], -1)
        # Negative numbers of segments are left out.
        known = (judged.labels >= 0) & (judged.labels < classes)
        segments = tf.where(known, judged.labels, -tf.ones_like(judged.labels))
        return tf.math.unsorted_segment_sum(brought, segments, classes)

    def _cells(self, logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """(classes, classes) float64, how often which class is taken for which."""
        classes = logits.shape[-1]
        predicted = tf.argmax(logits, -1, output_type=labels.dtype)
        counts = (labels >= 0) & (labels < classes)
        # Pixels that do not count fall into a cell behind the last one.
        cells = tf.where(counts, labels * classes + predicted, classes * classes)
        ones = tf.ones_like(cells, tf.int32)
        sums = tf.math.unsorted_segment_sum(ones, cells, classes * classes + 1)
        return tf.cast(tf.reshape(sums[:-1], (classes, classes)), tf.float64)

    def _measured(self, cells: np.ndarray) -> Counts | LabelCounts:
        """What metrics are computed from, of the sums of `_cells`."""
        return Counts(cells)

    def class_sums(self) -> list[ClassSum]:
        """By class id, since the training began."""
        return [ClassSum(*row) for row in self.by_class.numpy().tolist()]

    def totals(self) -> Totals:
        return Totals(*self.variable.numpy().tolist())

    def measure(self, metric: str) -> float | None:
        """The metric of this name; None where `metrics` lacks it, or nothing was counted."""
        if self._confusion is None:
            return None
        counts = self._measured(self._confusion.numpy())
        value = catalog.load(metric).measure(counts) if counts.total else math.nan
        return None if math.isnan(value) else value

    def clear(self) -> None:
        """Begins another epoch."""
        self.variable.assign(tf.zeros_like(self.variable))
        if self._confusion is not None:
            self._confusion.assign(tf.zeros_like(self._confusion))


def sum_over_devices(shape: list[int]) -> tf.Variable:
    return tf.Variable(
        tf.zeros(shape, tf.float64),
        trainable=False,
        # Each device adds up its own; reading sums over the devices.
        synchronization=tf.VariableSynchronization.ON_READ,
        aggregation=tf.VariableAggregation.SUM,
    )
