"""ResNet with 50, 101 or 152 layers, version 2 (He and others, 2016, arXiv:1603.05027)."""

from typing import Literal

import keras

from components.trainer import backbone

TASK = "classification"
PRETRAINED_PIXELS = backbone.PRETRAINED_PIXELS
Depth = Literal[50, 101, 152]
_DEPTHS = {
    50: keras.applications.ResNet50V2,
    101: keras.applications.ResNet101V2,
    152: keras.applications.ResNet152V2,
}


def network(
    pixels: keras.KerasTensor,
    classes: int,
    *,
    depth: Depth = 50,
    dropout: float = 0.0,
    weights: str | None = None,
) -> keras.KerasTensor:
    """Logits of normalised pixels.

    Args:
      pixels: (batch, height, width, channels) float; sides below 32 get an edge of zeros.
      classes: how many there are.
      depth: 50, 101 or 152 layers.
      dropout: share of the last features left out while training, 0 to below 1.
      weights: a file to begin with, as keras.applications publish them "notop"; None: random.

    Returns:
      (batch, classes) float32 logits.
    """
    if depth not in _DEPTHS:
        raise ValueError(f"depth is {depth!r}, and can be {', '.join(map(str, _DEPTHS))}.")
    pixels = backbone.room_for(pixels)
    made = _DEPTHS[depth](
        include_top=False, weights=None, input_shape=pixels.shape[1:], pooling="avg"
    )
    return backbone.classify(backbone.prepare(made, weights)(pixels), classes, dropout)
