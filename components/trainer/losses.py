"""What a training minimises: the loss of each example or pixel, times its weight."""

from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from components.trainer.own_loss import own_loss
from settings.data import NO_CLASS
from settings.training import Training

# The slope of x^gamma is infinite at 0 for a gamma below 1.
_LEAST_OFF = 1e-7


# Labels (batch, …), and what the examples weigh, (batch,) or (batch, …) float32, or None. A batch
# is judged by the first ones and, if pictures were mixed, also by those of what was mixed in.
Answers = list[tuple[tf.Tensor, tf.Tensor | None]]


class Judged(NamedTuple):
    """A batch's logits against one label each; all (batch, …), and 0 where that is not a class."""

    labels: tf.Tensor  # integer
    weights: tf.Tensor  # float32
    losses: tf.Tensor  # float32, weighted


class Loss:
    """The loss of a training.

    Args:
      training: says which loss, and how labels are smoothed.
      class_weights: (classes,) what the examples or pixels of each class weigh; None: all 1.
    """

    def __init__(self, training: Training, class_weights: Sequence[float] | None = None):
        self._smoothing = training.label_smoothing
        self._gamma = training.focal_gamma if training.loss == "focal" else 0.0
        self._own = own_loss(training)
        self._class_weights = class_weights

    def judge(
        self, logits: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor | None = None
    ) -> Judged:
        """What logits (batch, …, classes) are worth against labels (batch, …).

        Args:
          weights: (batch,) float32, of the examples, or (batch, …); None: all 1.
        """
        given = tf.ones_like(labels, tf.float32)
        if weights is not None:
            apart = [1] * (labels.shape.rank - weights.shape.rank)
            given *= tf.reshape(weights, tf.concat([tf.shape(weights), apart], 0))
        counts = (labels >= 0) & (labels < logits.shape[-1])
        safe = tf.where(counts, labels, tf.zeros_like(labels))
        if self._class_weights is not None:
            given *= tf.gather(tf.constant(self._class_weights, tf.float32), safe)
        given = tf.where(counts, given, 0.0)
        logits = tf.cast(logits, tf.float32)
        if self._own:
            losses = self._own(logits, _wanted(safe, logits.shape[-1], self._smoothing))
        else:
            losses = _losses(logits, safe, self._smoothing, self._gamma)
        # Not times 0: what is not a class may have any loss, even an infinite one.
        return Judged(labels, given, tf.where(counts, given * losses, 0.0))


def _losses(logits, labels, smoothing: float, gamma: float) -> tf.Tensor:
    """(batch, …) float32 for labels that are all valid classes.

    Smoothing is that of Szegedy and others (2016, arXiv:1512.00567), the focal loss with gamma
    above 0 that of Lin and others (2017, arXiv:1708.02002).
    """
    if gamma:
        log_likelihoods = tf.nn.log_softmax(logits)
        off = tf.maximum(-tf.math.expm1(log_likelihoods), _LEAST_OFF)  # 1 - p, exact near 0
        terms = -tf.pow(off, gamma) * log_likelihoods
        return tf.reduce_sum(_wanted(labels, logits.shape[-1], smoothing) * terms, -1)
    entropy = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    if smoothing:
        to_all = tf.reduce_logsumexp(logits, -1) - tf.reduce_mean(logits, -1)
        entropy = (1 - smoothing) * entropy + smoothing * to_all
    return entropy


def _wanted(labels, classes: int, smoothing: float) -> tf.Tensor:
    """(batch, …, classes) float32: what the probabilities should be."""
    return tf.one_hot(labels, classes) * (1 - smoothing) + smoothing / classes


def class_ids(targets: tf.Tensor) -> tf.Tensor:
    """Labels (batch,) int64 as they are; masks (batch, height, width, 1) uint8 as
    (batch, height, width) int32, with -1 for pixels without a class."""
    if targets.dtype != tf.uint8:
        return targets
    ids = tf.cast(targets[..., 0], tf.int32)
    return tf.where(ids == NO_CLASS, -1, ids)
