"""Softmax cross-entropy against one label an image."""

import tensorflow as tf

from components.trainer import losses, tallies
from components.trainer.input.features import LABEL, Feature

Loss, Tallies = losses.Loss, tallies.Tallies
ARE_PICTURES = False
CALIBRATES = True
ACCURACY, METRIC = "accuracy", None


def feature(image_shape: tuple[int, int, int], classes: int) -> Feature:
    return LABEL


def labels(targets: tf.Tensor) -> tf.Tensor:
    """(batch,) int64 as they are."""
    return targets
