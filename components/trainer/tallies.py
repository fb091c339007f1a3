"""Sums over the examples of an epoch, kept on the device."""

import dataclasses

import tensorflow as tf

_NAMES = ("loss", "correct", "counted", "left_out", "misfits", "broken_steps")


@dataclasses.dataclass(frozen=True)
class Totals:
    """What an epoch, or the part of it so far, adds up to.

    Attributes:
      loss: sum over the examples that count.
      correct: how many of them the model had right.
      counted: how many they are.
      left_out: examples whose label is out of vocabulary (-1).
      misfits: examples whose label is no class at all.
      broken_steps: steps whose loss was no finite number.
    """

    loss: float
    correct: float
    counted: float
    left_out: float
    misfits: float
    broken_steps: float

    @property
    def mean_loss(self) -> float:
        return self.loss / max(self.counted, 1)

    @property
    def accuracy(self) -> float:
        return self.correct / max(self.counted, 1)


class Tallies:
    """One variable for all sums: reading it waits for the device once."""

    def __init__(self):
        self.variable = tf.Variable(
            tf.zeros([len(_NAMES)], tf.float64),
            trainable=False,
            # Each device adds up its own; reading sums over the devices.
            synchronization=tf.VariableSynchronization.ON_READ,
            aggregation=tf.VariableAggregation.SUM,
        )

    def add(self, losses: tf.Tensor, logits: tf.Tensor, labels: tf.Tensor) -> None:
        """Adds a batch: losses and labels (batch, …), logits (batch, …, classes)."""
        classes = logits.shape[-1]
        counts = (labels >= 0) & (labels < classes)
        correct = counts & (tf.argmax(logits, -1, output_type=labels.dtype) == labels)
        sums = (
            tf.reduce_sum(losses),
            _count(correct),
            _count(counts),
            _count(labels == -1),
            _count((labels < -1) | (labels >= classes)),
            _count(~tf.math.is_finite(tf.reduce_sum(losses))),
        )
        self.variable.assign_add(tf.stack([tf.cast(value, tf.float64) for value in sums]))

    def totals(self) -> Totals:
        return Totals(*self.variable.numpy().tolist())

    def clear(self) -> None:
        self.variable.assign(tf.zeros_like(self.variable))


def _count(holds: tf.Tensor) -> tf.Tensor:
    return tf.math.count_nonzero(holds)


def losses(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Cross entropy of each example, (batch, …) float32; 0 where the label is no class."""
    counts = (labels >= 0) & (labels < logits.shape[-1])
    safe = tf.where(counts, labels, tf.zeros_like(labels))
    entropy = tf.nn.sparse_softmax_cross_entropy_with_logits(safe, tf.cast(logits, tf.float32))
    return tf.where(counts, entropy, tf.zeros_like(entropy))
