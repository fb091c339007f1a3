"""What the models of keras.applications have in common: the way in, the weights, the way out."""

import os
import re
import warnings
import zipfile

import keras
from keras import layers

from components.trainer.model_parameters import check_dropout
from failures import Failure

# The least that keras.applications take.
SMALLEST_SIDE = 32
# Mean and spread that the published weights were trained with: pixels from -1 to 1.
PRETRAINED_PIXELS = (127.5, 127.5)
# Of Keras's messages.
_MISFITS = re.compile(r"A total of (\d+) objects could not be loaded.*? name=(\w+)[^>]*>: (.*)")
_SHAPES = re.compile(r"variable\.shape=(\(.*?\)), Received: value\.shape=(\(.*?\))")
_WEIGHTS_FILES = (".weights.h5", ".h5", ".keras")


def room_for(pixels: keras.KerasTensor) -> keras.KerasTensor:
    """The pixels with an edge of zeros, their mean, where a side is below `SMALLEST_SIDE`."""
    missing = [max(0, SMALLEST_SIDE - side) for side in pixels.shape[1:3]]
    if not any(missing):
        return pixels
    return layers.ZeroPadding2D([(side // 2, side - side // 2) for side in missing])(pixels)


def prepare(backbone: keras.Model, weights: str | None) -> keras.Model:
    """The backbone with the weights of a file, or ready to be trained from the start.

    Args:
      backbone: without its classifier.
      weights: path of a .weights.h5, .h5 or .keras file of exactly these layers; None: random.

    Raises:
      Failure: there is no such file, or it holds the weights of another model.
    """
    if weights:
        _load(backbone, weights)
    for layer in backbone.layers:
        if isinstance(layer, layers.BatchNormalization):
            # 0.99 or 0.999 would need more steps than a small dataset has in all its epochs, with
            # weights that are given as well: their statistics are those of other images.
            layer.momentum = 0.9
    return backbone


def classify(features: keras.KerasTensor, classes: int, dropout: float) -> keras.KerasTensor:
    """Logits (batch, classes) float32 of a backbone's features (batch, features)."""
    check_dropout(dropout)
    if dropout:
        features = layers.Dropout(dropout)(features)
    return layers.Dense(classes, dtype="float32")(features)


def _load(backbone: keras.Model, weights: str) -> None:
    if not os.path.isfile(weights) or not weights.endswith(_WEIGHTS_FILES):
        raise Failure(
            f"Trainer: model.parameters.weights is {weights!r}, which is no weights file. "
            f"Give a file that ends in {', '.join(_WEIGHTS_FILES)}, or leave it out."
        )
    try:
        with warnings.catch_warnings():
            # Keras tells of every list that it keeps of the layers and that no file holds.
            warnings.simplefilter("ignore", UserWarning)
            backbone.load_weights(weights)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise Failure(
            f"Trainer: the weights in {weights} do not fit {backbone.name}: "
            f"{_reason(error)} Take weights of this very model without its classifier, or "
            "change model.parameters and preprocessing.channels to those of the weights."
        ) from error


def _reason(error: Exception) -> str:
    """The first sentence that says something; Keras begins with a count and goes on to weights."""
    text = " ".join(str(error).split())
    misfits = _MISFITS.match(text)
    if not misfits:
        return _first_sentence(text)
    count, layer, rest = misfits.groups()
    shapes = _SHAPES.search(rest)
    cause = "it has {} and the file {}.".format(*shapes.groups()) if shapes else None
    return f"{count} of its layers, the first one {layer}: {cause or _first_sentence(rest)}"


def _first_sentence(text: str) -> str:
    return f"{text.split('. ')[0][:200].rstrip('.')}."
