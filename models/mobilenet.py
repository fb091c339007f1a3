"""MobileNet: version 2 (arXiv:1801.04381), version 3 small and large (arXiv:1905.02244)."""

from typing import Annotated, Literal

from pydantic import Field

from models import _backbone

TASK = "classification"
PRETRAINED_PIXELS = _backbone.PRETRAINED_PIXELS


def network(
    pixels,
    classes: int,
    *,
    variant: Annotated[
        Literal["v2", "v3_small", "v3_large"], Field(description="which of the architectures")
    ] = "v2",
    alpha: Annotated[
        float,
        Field(
            gt=0,
            allow_inf_nan=False,
            description="the number of filters, as a multiple of the paper's",
        ),
    ] = 1.0,
    dropout: _backbone.Dropout = 0.0,
):
    """Logits (batch, classes) float32.

    Args:
      pixels: a KerasTensor (batch, height, width, channels), float; sides below 32
        get an edge of zeros.
    """
    from keras import applications

    pixels = _backbone.room_for(pixels)
    options = {
        "include_top": False,
        "weights": None,
        "input_shape": pixels.shape[1:],
        "alpha": alpha,
        "pooling": "avg",
    }
    match variant:
        case "v2":
            made = applications.MobileNetV2(**options)
        case "v3_small":
            made = applications.MobileNetV3Small(include_preprocessing=False, **options)
        case "v3_large":
            made = applications.MobileNetV3Large(include_preprocessing=False, **options)
    return _backbone.classify(_backbone.prepare(made)(pixels), classes, dropout)
