"""A U-Net: the class of every pixel (Ronneberger and others, 2015, arXiv:1505.04597)."""

from collections.abc import Sequence

import keras
from keras import layers

from components.trainer.model_parameters import check_dropout, check_filters

TASK = "segmentation"


def network(
    pixels: keras.KerasTensor,
    classes: int,
    *,
    filters: Sequence[int] = (32, 64, 128, 256),
    dropout: float = 0.0,
) -> keras.KerasTensor:
    """Logits of every pixel, of normalised pixels.

    Args:
      pixels: (batch, height, width, channels) float, about zero mean and unit variance.
      classes: how many there are.
      filters: of each level, from the full size down; every further level halves the sides.
      dropout: share of the lowest level's features left out while training, 0 to below 1.

    Returns:
      (batch, height, width, classes) float32 logits.
    """
    check_filters(filters, at_least=1)
    check_dropout(dropout)
    height, width = pixels.shape[1:3]
    *upper, lowest = filters
    edges = [_missing(side, 2 ** len(upper)) for side in (height, width)]
    # Every level must halve evenly; 0 is the mean of normalised pixels.
    features = layers.ZeroPadding2D(edges)(pixels)
    beside = []
    for count in upper:
        features = _convolutions(features, count)
        beside.append(features)
        features = layers.MaxPooling2D(2)(features)
    features = _convolutions(features, lowest)
    if dropout:
        features = layers.SpatialDropout2D(dropout)(features)
    for count, level in zip(reversed(upper), reversed(beside), strict=True):
        features = layers.Conv2DTranspose(count, 2, strides=2)(features)
        features = _convolutions(layers.Concatenate()([level, features]), count)
    logits = layers.Conv2D(classes, 1, dtype="float32")(features)
    return layers.Cropping2D(edges, dtype="float32")(logits)  # (batch, height, width, classes)


def _convolutions(features: keras.KerasTensor, count: int) -> keras.KerasTensor:
    for _ in range(2):
        features = layers.Conv2D(count, 3, padding="same", use_bias=False)(features)
        # A momentum of 0.99 would need more steps than a small dataset has in all its epochs.
        features = layers.BatchNormalization(momentum=0.9)(features)
        features = layers.ReLU()(features)
    return features


def _missing(side: int, divisor: int) -> tuple[int, int]:
    """Pixels to add before and after, so that `divisor` divides the side."""
    missing = -side % divisor
    return missing // 2, missing - missing // 2
