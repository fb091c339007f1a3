"""Softmax cross-entropy against one label an image."""

import numpy as np
import tensorflow as tf

from components.trainer import losses, tallies
from components.trainer.choices import Choices
from components.trainer.input.features import LABEL, Feature

Loss, Tallies = losses.Loss, tallies.Tallies
ARE_PICTURES = False
ACCURACY, METRIC = "accuracy", None


def feature(image_shape: tuple[int, int, int], classes: int) -> Feature:
    return LABEL


def labels(targets: tf.Tensor) -> tf.Tensor:
    """(batch,) int64 as they are."""
    return targets


def choices(logits: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> Choices:
    """One class of all, for every image whose label is a class."""
    known = (labels >= 0) & (labels < logits.shape[-1])
    return Choices(logits[known], labels[known], weights[known], int(known.sum()))
