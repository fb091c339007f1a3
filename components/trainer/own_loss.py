"""A user's loss, in place of the cross-entropy of the training."""

from collections.abc import Callable

import tensorflow as tf

from components import own_code
from failures import Failure
from settings.own_code import is_own
from settings.training import Training


def own_loss(training: Training) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor] | None:
    """The loss that `training` names, of logits and targets (batch, …, classes) float32.

    Targets are what the probabilities should be: 1 for the true class, or less of it where labels
    are smoothed. The result is (batch, …) float32.

    Raises:
      Failure: it cannot be loaded; called, also what goes wrong in it, or another shape.
    """
    if not is_own(training.loss):
        return None
    function = own_code.function_of("Trainer", training.loss, training.loss_parameters)

    def losses(logits, targets):
        found = function(logits=logits, targets=targets)
        shape, allowed = getattr(found, "shape", None), logits.shape[:-1]
        if shape is None or not allowed.is_compatible_with(shape):
            raise Failure(
                f"Trainer: {training.loss} returns the shape {shape}; allowed: {allowed}, "
                "a number for each target, where None is the batch."
            )
        return tf.cast(found, tf.float32)

    return losses
