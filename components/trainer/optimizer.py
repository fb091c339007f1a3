"""The optimizer, and its learning rate over all steps."""

import math

import keras

from components.trainer.layer_rates import by_layer
from settings.training import Training


def build_optimizer(
    training: Training, steps_per_epoch: int, precision: str = "float32"
) -> keras.Optimizer:
    """The optimizer and its learning rate over all steps.

    The rate rises over the first epoch: at the full rate, Adam's first steps are too long.
    """
    optimizer = _optimizer(training, steps_per_epoch)
    if precision == "mixed_float16":
        # float16 cannot hold small gradients: they are scaled up, and a step that overflows is
        # skipped.
        return keras.optimizers.LossScaleOptimizer(optimizer)
    return optimizer


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


def _rate(training: Training, steps_per_epoch: int):
    peak, steps = training.learning_rate, training.epochs * steps_per_epoch
    schedules = keras.optimizers.schedules
    match training.schedule:
        case "cosine":
            return schedules.CosineDecay(
                initial_learning_rate=peak / 10,
                warmup_target=peak,
                warmup_steps=steps_per_epoch,
                decay_steps=max(1, (training.epochs - 1) * steps_per_epoch),
            )
        case "one_cycle":
            # Smith and Topin (2017, arXiv:1708.07120), with fast.ai's proportions.
            rising = max(1, round(0.3 * steps))
            return schedules.CosineDecay(
                initial_learning_rate=peak / 25,
                warmup_target=peak,
                warmup_steps=rising,
                decay_steps=max(1, steps - rising),
            )
        case "step":
            falls = [math.ceil(training.epochs * part) * steps_per_epoch for part in (0.5, 0.75)]
            # A rate holds up to and including its boundary, and steps count from 0.
            return schedules.PiecewiseConstantDecay(
                [fall - 1 for fall in falls], [peak, peak / 10, peak / 100]
            )
        case _:
            return peak
