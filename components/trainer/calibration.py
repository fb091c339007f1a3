"""Temperature scaling: a classifier's logits are divided by one number, fitted after the training.

It changes how sure the answers are, and not which they are. Source: Guo and others (2017,
arXiv:1706.04599).
"""

import logging
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from scipy.optimize import brentq

from components.trainer import training_faults
from components.trainer.choices import Choices
from components.trainer.input.function import Input
from components.trainer.temperature import Calibration

_LOWEST, _HIGHEST = 0.01, 100.0
_MOST_BYTES = 256 << 20  # of logits: 67,000 examples of 1,000 classes

Choose = Callable[[np.ndarray, np.ndarray, np.ndarray], Choices]


def calibrate(
    model: keras.Model, validation: Input, choices: Choose
) -> tuple[keras.Model, Calibration] | tuple[keras.Model, None]:
    """The model with its logits divided by the fitted temperature, and what is known of it.

    Args:
      model: from images (batch, height, width, channels) uint8 to logits (batch, classes).
      validation: examples that it was not trained with. Where none counts, or a logit is not
        finite, the model stays as it is, and the log says so.
      choices: of a batch's logits, targets and weights (batch,), those that count.

    Raises:
      Failure: the validation cannot be read, or a batch of it does not fit into the device's
        memory.
    """
    logits, right, weights, examples = _answers(model, validation, choices)
    reason = _reason_against(logits, weights)
    if reason:
        logging.warning("Trainer: no temperature is fitted: %s.", reason)
        return model, None
    temperature = fit(logits, right, weights)
    before, after = (_loss(logits / t, right, weights) for t in (1.0, temperature))
    scaled = keras.layers.Rescaling(1 / temperature, dtype="float32", name="temperature")
    calibrated = keras.Model(model.input, scaled(model.output), name=model.name)
    return calibrated, Calibration(temperature, examples, before, after)


def fit(logits: np.ndarray, labels: np.ndarray, weights: np.ndarray | None = None) -> float:
    """The temperature that minimises the cross-entropy of softmax(logits / temperature).

    Labels are smoothed by 1 / (examples + 2), Platt's (1999) guard against overconfidence: without
    a mistake among them, answers would otherwise be made as sure as numbers can be. The loss is
    convex in 1 / temperature, so the root of its slope is the only minimum.

    Args:
      logits: (examples, classes) float, finite.
      labels: (examples,) int, each a class.
      weights: (examples,) float of 0 or more, not all 0; None: all 1.
    """
    weights = np.ones(len(labels)) if weights is None else weights
    shifted = logits - logits.max(axis=1, keepdims=True)
    smoothing = 1 / (len(labels) + 2)
    wanted = (1 - smoothing) * shifted[np.arange(len(labels)), labels]
    wanted = wanted + smoothing * shifted.mean(axis=1, dtype=np.float64)

    def slope(sharpness: float) -> float:
        likely = np.exp(sharpness * shifted)
        expected = np.einsum("ec,ec->e", likely, shifted) / likely.sum(axis=1)
        return float(weights @ (expected - wanted))

    if not slope(1.0):
        return 1.0  # Also where all logits are equal, which no temperature changes.
    if slope(1 / _HIGHEST) >= 0:
        return _HIGHEST
    if slope(1 / _LOWEST) <= 0:
        return _LOWEST
    return 1 / brentq(slope, 1 / _HIGHEST, 1 / _LOWEST)


def _reason_against(logits: np.ndarray, weights: np.ndarray) -> str:
    """Why no temperature can be fitted to choices; empty where one can."""
    if not weights.sum():
        return "no validation example counts"
    with np.errstate(over="ignore", invalid="ignore"):
        # The difference is infinite as well where both ends are finite and too far apart.
        spread = logits.max(axis=1) - logits.min(axis=1)
    broken = np.count_nonzero(~np.isfinite(spread))
    return f"{broken} of {len(spread)} validation answers are not finite" if broken else ""


def _answers(model, validation: Input, choices: Choose) -> Choices:
    images_spec = validation.element_spec[0]
    forward = tf.function(
        lambda images: model(images, training=False), input_signature=[images_spec], autograph=False
    )
    parts, kept = [], 0
    batches = training_faults.readable(validation.dataset, validation, 1)
    with training_faults.step_reported(validation.order.batch_size):
        for images, targets, *weights in batches:
            weights = weights[0].numpy() if weights else np.ones(len(targets))
            parts.append(choices(forward(images).numpy(), targets.numpy(), weights))
            kept += parts[-1].logits.nbytes
            if kept >= _MOST_BYTES:
                break
    *arrays, examples = zip(*parts, strict=True)
    return Choices(*map(np.concatenate, arrays), sum(examples))


def _loss(logits: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> float:
    shifted = logits - logits.max(axis=1, keepdims=True)
    losses = np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(labels)), labels]
    return float(np.average(losses, weights=weights))
