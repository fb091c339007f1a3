"""ResNet version 2 with 50, 101 or 152 layers (He and others, 2016, arXiv:1603.05027)."""

from typing import Annotated, Literal

from pydantic import Field

from models import _backbone

TASK = "classification"
PRETRAINED_PIXELS = _backbone.PRETRAINED_PIXELS


def network(
    pixels,
    classes: int,
    *,
    depth: Annotated[Literal[50, 101, 152], Field(description="the number of layers")] = 50,
    dropout: _backbone.Dropout = 0.0,
):
    """Logits (batch, classes) float32.

    Args:
      pixels: a KerasTensor (batch, height, width, channels), float; sides below 32
        get an edge of zeros.
    """
    import keras

    pixels = _backbone.room_for(pixels)
    build = getattr(keras.applications, f"ResNet{depth}V2")
    made = build(include_top=False, weights=None, input_shape=pixels.shape[1:], pooling="avg")
    return _backbone.classify(_backbone.prepare(made)(pixels), classes, dropout)
