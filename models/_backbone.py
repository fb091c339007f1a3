"""What the networks of keras.applications share: their input, their weights, their classifier."""

import os
import warnings
import zipfile
from typing import Annotated

from pydantic import Field

from failures import Failure

Dropout = Annotated[
    float, Field(ge=0, lt=1, description="share of the last features dropped in training")
]
Weights = Annotated[
    str | None,
    Field(
        description="a file of weights without the classifier to start from, as Keras publishes "
        "them; omit to start from random weights"
    ),
]

# The smallest side that keras.applications accept.
SMALLEST_SIDE = 32
# Mean and standard deviation that the published weights were trained with: pixels from -1 to 1.
PRETRAINED_PIXELS = (127.5, 127.5)
_WEIGHTS_FILES = (".weights.h5", ".h5", ".keras")


def room_for(pixels):
    """The pixels, with an edge of zeros (their mean) where a side is below `SMALLEST_SIDE`."""
    from keras import layers

    missing = [max(0, SMALLEST_SIDE - side) for side in pixels.shape[1:3]]
    if not any(missing):
        return pixels
    return layers.ZeroPadding2D([(side // 2, side - side // 2) for side in missing])(pixels)


def prepare(backbone, weights: str | None):
    """The backbone with the weights of a file, or ready to be trained from random weights.

    Args:
      backbone: a keras.Model without a classifier.
      weights: a .weights.h5, .h5 or .keras file of exactly these layers; None: random.

    Raises:
      Failure: the file does not exist, or holds the weights of another model.
    """
    from keras import layers

    if weights:
        _load(backbone, weights)
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


def _load(backbone, weights: str) -> None:
    if not os.path.isfile(weights) or not weights.endswith(_WEIGHTS_FILES):
        raise Failure(
            f"Trainer: model.parameters.weights: given {weights!r}; allowed: an existing file that "
            f"ends in {', '.join(_WEIGHTS_FILES)}, or nothing for random weights."
        )
    try:
        with warnings.catch_warnings():
            # Keras warns about every list of its layers that no file holds.
            warnings.simplefilter("ignore", UserWarning)
            backbone.load_weights(weights)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        # Keras names the first layer that does not fit, and then lists all of them.
        reason = " ".join(str(error).split()).partition(" List of objects")[0][:400].rstrip(".")
        raise Failure(
            f"Trainer: the weights in {weights} do not fit {backbone.name}: "
            f"{reason}. Use weights of exactly this model without its classifier, or "
            "change model.parameters and preprocessing.channels to those of the weights."
        ) from error
