"""Any architecture of keras.applications by its name, with the preprocessing of its own."""

from models import _architectures, _backbone

TASK = "classification"
OWN_PREPROCESSING = True


def network(
    pixels,
    classes: int,
    *,
    architecture: _architectures.Architecture = "EfficientNetV2B0",
    dropout: _backbone.Dropout = 0.0,
):
    """Logits (batch, classes) float32.

    Args:
      pixels: a KerasTensor (batch, height, width, 1 or 3), float32, 0..255; grey becomes colour,
        and sides that are too small get an edge of zeros after the preprocessing.
    """
    pixels = _architectures.preprocessed(pixels, architecture)
    pixels = _backbone.room_for(pixels, _architectures.family_of(architecture).smallest_side)
    made = _backbone.prepare(_architectures.built(pixels, architecture, pooling="avg"))
    return _backbone.classify(made(pixels), classes, dropout)
