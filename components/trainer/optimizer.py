"""The optimizer, and its learning rate over all steps."""

import math

import keras
import tensorflow as tf

from components.trainer.layer_rates import by_layer
from settings.training import Training


def build_optimizer(
    training: Training, steps_per_epoch: int, precision: str = "float32"
) -> keras.Optimizer:
    """The optimizer and its learning rate over all steps."""
    optimizer = _optimizer(training, steps_per_epoch)
    if precision == "mixed_float16":
        # float16 cannot hold small gradients: they are scaled up, and a step that overflows is
        # skipped.
        return keras.optimizers.LossScaleOptimizer(optimizer)
    return optimizer


def rate_of_last_step(optimizer: keras.Optimizer) -> float:
    """The learning rate of the last step taken; `optimizer.learning_rate` is the next one's."""
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    rate = inner._learning_rate
    if callable(rate):
        # In float16 every step so far may have been skipped.
        rate = rate(max(0, int(tf.convert_to_tensor(inner.iterations)) - 1))
    # Several devices mirror a constant one, which `float` does not take for a number.
    return float(tf.convert_to_tensor(rate))


def _optimizer(training: Training, steps_per_epoch: int) -> keras.Optimizer:
    rate = _rate(training, steps_per_epoch)
    decay = training.weight_decay
    match training.optimizer:
        case "adam":
            kind, options = keras.optimizers.Adam, {"weight_decay": decay or None}
        case "adamw":
            kind = keras.optimizers.AdamW
            options = {"weight_decay": 0.004 if decay is None else decay}
        case _:
            kind = keras.optimizers.SGD
            options = {"momentum": 0.9, "nesterov": True, "weight_decay": decay or None}
    if training.freeze_epochs or training.layer_decay < 1:
        optimizer = by_layer(kind)(rate, **options)
        optimizer.late_steps = training.freeze_epochs * steps_per_epoch
        return optimizer
    return kind(rate, **options)


class _WarmedUp(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate, or a schedule of it, of which the first steps take a rising share.

    Args:
      rate: a number, or a schedule.
      steps: how many take less than all of it.
      first: the share of the first one.
    """

    def __init__(self, rate, steps: int, first: float = 0.1):
        self.rate, self.steps, self.first = rate, steps, first

    def __call__(self, step):
        rate = self.rate(step) if callable(self.rate) else self.rate
        share = self.first + (1 - self.first) * keras.ops.cast(step, "float32") / self.steps
        return rate * keras.ops.minimum(share, 1.0)


class _Later(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule that begins after some steps, in which the rate is its first one."""

    def __init__(self, schedule, steps: int):
        self.schedule, self.steps = schedule, steps

    def __call__(self, step):
        done = keras.ops.cast(step, "float32") - self.steps
        return self.schedule(keras.ops.maximum(done, 0.0))


def _rate(training: Training, steps_per_epoch: int):
    peak, steps = training.learning_rate, training.epochs * steps_per_epoch
    rising = _rising_steps(training, steps_per_epoch)
    schedules = keras.optimizers.schedules
    first = 0.1
    match training.schedule:
        case "cosine" | "one_cycle":
            rate = schedules.CosineDecay(peak, max(1, steps - rising))
            if rising:  # Not CosineDecay's own: its branches stop a GPU in every step.
                rate = _Later(rate, rising)
            if training.schedule == "one_cycle":
                # Smith and Topin (2017, arXiv:1708.07120), with fast.ai's proportions.
                first = 1 / 25
        case "step":
            falls = [math.ceil(training.epochs * part) * steps_per_epoch for part in (0.5, 0.75)]
            # A rate holds up to and including its boundary, and steps count from 0.
            rate = schedules.PiecewiseConstantDecay(
                [fall - 1 for fall in falls], [peak, peak / 10, peak / 100]
            )
        case _:
            rate = peak
    return _WarmedUp(rate, rising, first) if rising else rate


def _rising_steps(training: Training, steps_per_epoch: int) -> int:
    """How many steps the rate rises for: at the full rate, Adam's first steps are too long."""
    if training.warmup_epochs is not None:
        return round(training.warmup_epochs * steps_per_epoch)
    match training.schedule:
        case "cosine":
            return steps_per_epoch
        case "one_cycle":
            return max(1, round(0.3 * training.epochs * steps_per_epoch))
        case _:
            return 0
