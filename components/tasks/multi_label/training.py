"""Binary cross-entropy against each class: an image has any number of them."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from components.tasks.multi_label import thresholds
from components.trainer import tallies
from components.trainer.choices import Choices
from components.trainer.input.features import Feature
from components.trainer.losses import Judged
from components.trainer.losses import Loss as LossOfOneLabel
from metrics.counts import LabelCounts
from settings.training import Training

ARE_PICTURES = False
ACCURACY, METRIC = "exact match", None
choose = thresholds.choose
_RANKS, _RANKED_BY = 1024, "mean_average_precision"


def feature(image_shape: tuple[int, int, int], classes: int) -> Feature:
    return Feature("labels", (classes,), "uint8")


def labels(targets: tf.Tensor) -> tf.Tensor:
    """(batch, classes) uint8, 1 for the classes that an image has."""
    return targets


def choices(logits: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> Choices:
    """Yes or no for every class: one temperature for all, so that their order stays as it is."""
    yes = logits.reshape(-1, 1)
    # The softmax of 0 and a logit is the logit's sigmoid.
    both = np.concatenate([np.zeros_like(yes), yes], axis=1)
    of_class = np.repeat(weights, logits.shape[-1])
    return Choices(both, labels.ravel().astype(np.int64), of_class, len(logits))


class Loss(LossOfOneLabel):
    """The mean over the classes of each one's binary cross-entropy.

    Args:
      training: says which loss, how labels are smoothed, and whether `class_weights` are balanced.
      class_weights: (classes,) what the loss of each class weighs; balanced ones, only where an
        image has the class; None: all 1.
    """

    def __init__(self, training: Training, class_weights: Sequence[float] | None = None):
        super().__init__(training, class_weights)
        self._balanced = training.class_weights == "balanced"

    def judge(
        self, logits: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor | None = None
    ) -> Judged:
        """What logits (batch, classes) are worth against labels (batch, classes).

        Args:
          weights: (batch,) float32, of the examples; None: all 1.
        """
        logits, classes = tf.cast(logits, tf.float32), logits.shape[-1]
        given = tf.ones_like(logits) / classes
        if weights is not None:
            given *= weights[:, tf.newaxis]
        if self._class_weights is not None:
            of_class = tf.constant(self._class_weights, tf.float32)
            # Every image lacks most classes: with these answers, a rare class would weigh most.
            given *= tf.where(labels > 0, of_class, 1.0) if self._balanced else of_class
        wanted = tf.cast(labels, tf.float32) * (1 - self._smoothing) + self._smoothing / 2
        if self._own:
            # A user's loss is that of the image: each class contributes its share.
            losses = self._own(logits, wanted)[:, tf.newaxis]
        else:
            losses = _losses(logits, wanted, self._gamma)
        return Judged(labels, given, given * losses)


def _losses(logits: tf.Tensor, wanted: tf.Tensor, gamma: float) -> tf.Tensor:
    """(batch, classes) float32; with gamma above 0, the focal loss of Lin and others (2017,
    arXiv:1708.02002)."""
    if not gamma:
        return tf.nn.sigmoid_cross_entropy_with_logits(wanted, logits)
    of_true, of_false = tf.nn.softplus(-logits), tf.nn.softplus(logits)  # -log p, -log(1 - p)
    # By exp of the logarithm: p and 1 - p stay exact near 0.
    as_true = wanted * tf.exp(-gamma * of_false) * of_true
    as_false = (1 - wanted) * tf.exp(-gamma * of_true) * of_false
    return as_true + as_false


class Tallies(tallies.Tallies):
    """Sums over the images of an epoch; one is right if all its classes are, at half a chance."""

    CELLS = 3  # of each class: images in which it is right, predicted and true

    def __init__(self, classes: int, by_class: bool = False, metrics: Sequence[str] = ()):
        super().__init__(classes, by_class, metrics)
        ranked = _RANKED_BY in metrics
        self._ranks = tallies.sum_over_devices([classes, _RANKS, 2]) if ranked else None

    def add(self, logits: tf.Tensor, judged: Sequence[Judged]) -> None:
        super().add(logits, judged)
        if self._ranks is not None:
            self._ranks.assign_add(_ranks(logits, judged[0].labels))

    def clear(self) -> None:
        super().clear()
        if self._ranks is not None:
            self._ranks.assign(tf.zeros_like(self._ranks))

    def _counts(self, logits, labels):
        predicted = logits > 0
        right = tf.reduce_all(predicted == (labels > 0), axis=-1)
        none = tf.zeros_like(right)
        return right, tf.ones_like(right), none, none

    def _by_class(self, judged: Judged, is_first: bool) -> tf.Tensor:
        has = float(is_first) * tf.cast(judged.labels, tf.float32)
        return tf.reduce_sum(tf.stack([has, judged.weights, judged.losses], -1), axis=0)

    def _cells(self, logits, labels) -> tf.Tensor:
        predicted, true = logits > 0, labels > 0
        cells = tf.stack([predicted & true, predicted, true], -1)  # (batch, classes, 3)
        return tf.reduce_sum(tf.cast(cells, tf.float64), axis=0)

    def _measured(self, cells) -> LabelCounts:
        ranks = None if self._ranks is None else self._ranks.numpy()
        return LabelCounts(*cells.T, total=cells.sum(), ranks=ranks)


def _ranks(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """(classes, _RANKS, 2) float64, the `LabelCounts.ranks` of a batch.

    A range is a sixty-fourth of a logit wide near 0, and wider where probabilities hardly differ.
    """
    place = (tf.nn.softsign(tf.cast(logits, tf.float32) / 8) + 1) / 2 * _RANKS
    rank = tf.clip_by_value(tf.cast(place, tf.int32), 0, _RANKS - 1)
    cells = tf.range(logits.shape[-1]) * _RANKS + rank  # (batch, classes)
    has = tf.cast(labels, tf.int32)
    numbers = tf.reshape(tf.stack([tf.ones_like(has), has], -1), (-1, 2))
    count = logits.shape[-1] * _RANKS
    sums = tf.math.unsorted_segment_sum(numbers, tf.reshape(cells, [-1]), count)
    return tf.cast(tf.reshape(sums, (-1, _RANKS, 2)), tf.float64)
