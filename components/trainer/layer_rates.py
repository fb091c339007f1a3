"""Optimizers that train each layer at a rate of its own, and some layers later than others."""

import functools

import keras
import tensorflow as tf

from components.trainer import stages


@functools.cache
def by_layer(kind: type[keras.Optimizer]) -> type[keras.Optimizer]:
    """The optimizer with `follow`, and with `late_steps`: after which late layers are trained."""
    return type(f"{kind.__name__}ByLayer", (_ByLayer, kind), {})


def is_by_layer(optimizer: keras.Optimizer) -> bool:
    return isinstance(optimizer, _ByLayer)


class _ByLayer:
    _shares: tuple[float, ...] = ()
    _late: tuple[bool, ...] = ()
    late_steps = 0

    def follow(self, shares: dict[int, float], late: set[int]) -> None:
        """Sets the rates, once the optimizer is built.

        Args:
          shares: of the learning rate, by the id of a Keras variable; all others have 1.
          late: ids of the variables that are frozen for `late_steps`.
        """
        ids = [id(variable) for variable in self._trainable_variables]
        self._shares = tuple(shares.get(one, 1.0) for one in ids)
        self._late = tuple(one in late for one in ids)
        self._decay = self.weight_decay

    def update_step(self, gradient, variable, learning_rate):
        index = self._get_variable_index(variable)
        rate = learning_rate * self._shares[index]
        if self._late[index]:
            rate *= self._correction()
        super().update_step(gradient, variable, rate)

    def _apply_weight_decay(self, variables):
        if not self._decay:
            return
        by_share = {}
        for variable in variables:
            share = self._shares[self._get_variable_index(variable)]
            by_share.setdefault(share, []).append(variable)
        for share, some in by_share.items():
            # Several devices come here in turns: each sets it again, never depending on its value.
            self.weight_decay = self._decay * share
            super()._apply_weight_decay(some)
        self.weight_decay = self._decay

    def _correction(self):
        """What makes Adam's step as long as if its averages had begun with the late layers.

        Its averages begin at 0 and are divided by how far they have come since the first step.
        Those of layers that were frozen have come less far: their first steps would be six times
        too long.
        """
        if not hasattr(self, "beta_1"):
            return 1.0
        since_first = tf.cast(self.iterations.value, tf.float32) + 1
        since_late = tf.maximum(since_first - self.late_steps, 1.0)
        return _bias(self, since_late) / _bias(self, since_first)


def _bias(adam, steps: tf.Tensor) -> tf.Tensor:
    return tf.sqrt(1 - tf.pow(adam.beta_2, steps)) / (1 - tf.pow(adam.beta_1, steps))


def shares_of(model: keras.Model, decay: float) -> dict[int, float]:
    """The share of the learning rate of each variable in the body, by the variable's id.

    The last stage has `decay`, the one before that times `decay`, and so on.
    """
    layers = stages.body(model)
    pairs = list(zip(layers, stages.stages_of(layers), strict=True))
    # A stage that only pools does not count.
    learning = sorted({stage for layer, stage in pairs if layer.trainable_variables}, reverse=True)
    shares = {stage: decay**number for number, stage in enumerate(learning, start=1)}
    return {
        id(variable): shares[stage]
        for layer, stage in pairs
        for variable in layer.trainable_variables
    }
