"""MobileNet: version 2 (arXiv:1801.04381), version 3 small and large (arXiv:1905.02244)."""

import math
import typing
from typing import Literal

import keras

from components.trainer import backbone

TASK = "classification"
PRETRAINED_PIXELS = backbone.PRETRAINED_PIXELS
Variant = Literal["v2", "v3_small", "v3_large"]


def network(
    pixels: keras.KerasTensor,
    classes: int,
    *,
    variant: Variant = "v2",
    alpha: float = 1.0,
    dropout: float = 0.0,
    weights: str | None = None,
) -> keras.KerasTensor:
    """Logits of normalised pixels.

    Args:
      pixels: (batch, height, width, channels) float; sides below 32 get an edge of zeros.
      classes: how many there are.
      variant: "v2", "v3_small" or "v3_large".
      alpha: the number of filters, as a multiple of the paper's; above 0.
      dropout: share of the last features left out while training, 0 to below 1.
      weights: a file to begin with, as keras.applications publish them "no_top"; None: random.

    Returns:
      (batch, classes) float32 logits.
    """
    variants = typing.get_args(Variant)
    if variant not in variants:
        raise ValueError(f"variant is {variant!r}, and can be {', '.join(variants)}.")
    if not 0 < alpha < math.inf:
        raise ValueError(f"alpha is {alpha}, and must be a finite number above 0.")
    pixels = backbone.room_for(pixels)
    told = {
        "include_top": False,
        "weights": None,
        "input_shape": pixels.shape[1:],
        "alpha": alpha,
        "pooling": "avg",
    }
    match variant:
        case "v2":
            made = keras.applications.MobileNetV2(**told)
        case "v3_small":
            made = keras.applications.MobileNetV3Small(include_preprocessing=False, **told)
        case "v3_large":
            made = keras.applications.MobileNetV3Large(include_preprocessing=False, **told)
    return backbone.classify(backbone.prepare(made, weights)(pixels), classes, dropout)
