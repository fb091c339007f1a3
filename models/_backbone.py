"""What the networks of keras.applications share: their input and their classifier."""

from typing import Annotated

from pydantic import Field

Dropout = Annotated[
    float, Field(ge=0, lt=1, description="share of the last features dropped in training")
]
# The smallest side that keras.applications accept.
SMALLEST_SIDE = 32
# Mean and standard deviation that the published weights were trained with: pixels from -1 to 1.
PRETRAINED_PIXELS = (127.5, 127.5)


def room_for(pixels, smallest: int = SMALLEST_SIDE):
    """The pixels, with an edge of zeros (their mean) where a side is below `smallest`."""
    from keras import layers

    missing = [max(0, smallest - side) for side in pixels.shape[1:3]]
    if not any(missing):
        return pixels
    return layers.ZeroPadding2D([(side // 2, side - side // 2) for side in missing])(pixels)


def prepare(backbone):
    """The keras.Model, with statistics of batch normalisation that follow a short training."""
    from keras import layers

    for layer in backbone.layers:
        if isinstance(layer, layers.BatchNormalization):
            # 0.99 or 0.999 would need more steps than a small dataset has in all its epochs. This
            # also holds with given weights, whose statistics are those of other images.
            layer.momentum = 0.9
    return backbone


def classify(features, classes: int, dropout: float):
    """Logits (batch, classes) float32 of a backbone's features (batch, features)."""
    from keras import layers

    if dropout:
        features = layers.Dropout(dropout)(features)
    return layers.Dense(classes, dtype="float32")(features)
