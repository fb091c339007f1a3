"""A moving average of a model's weights, which often classifies better than the last ones."""

import contextlib
from collections.abc import Iterator

import keras
import tensorflow as tf


class WeightAverage:
    """An exponential moving average over the steps, of the normalisation's statistics too.

    Made inside the strategy's scope. Keras's own (`use_ema`) leaves those statistics out.

    Args:
      decay: share of the average that a step keeps, 0..1. Early steps keep less,
        (1 + steps) / (10 + steps), so that the first weights are soon forgotten.
    """

    def __init__(self, model: keras.Model, strategy: tf.distribute.Strategy, decay: float):
        self._strategy, self._decay = strategy, decay
        variables = [variable.value for variable in model.variables]
        self._averaged = [variable for variable in variables if variable.dtype.is_floating]
        self.variables = [
            tf.Variable(tf.convert_to_tensor(variable), trainable=False)
            for variable in self._averaged
        ]

    def update(self, steps: tf.Tensor) -> None:
        """Adds the weights after this many steps, () integer; called for all devices at once."""
        steps = tf.cast(steps, tf.float32)
        decay = tf.minimum(self._decay, (1 + steps) / (10 + steps))

        def move(average, variable):
            kept = tf.cast(decay, average.dtype)
            average.assign(variable + kept * (average - variable))

        for average, variable in zip(self.variables, self._averaged, strict=True):
            self._strategy.extended.update(average, move, args=(variable,), group=False)

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        """Inside this context the model has the averaged weights."""
        kept = [variable.numpy() for variable in self._averaged]
        for variable, average in zip(self._averaged, self.variables, strict=True):
            variable.assign(average.numpy())
        try:
            yield
        finally:
            for variable, value in zip(self._averaged, kept, strict=True):
                variable.assign(value)
