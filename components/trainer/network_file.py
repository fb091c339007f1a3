"""What stands beside a SavedModel for a later training that begins with its weights."""

import os

import keras
import numpy as np

from files import writing
from files.strict_json import text_of
from settings.first_weights import NETWORK_FILE


def write(folder: str, model: keras.Model, classes: list[str]) -> None:
    """Writes it into the folder of a SavedModel; raises Failure where it cannot."""
    pixels = model.get_layer("normalisation")
    content = {
        "network": model.name,
        "classes": classes,
        "pixel_mean": np.ravel(pixels.mean).tolist(),
        "pixel_std": np.sqrt(np.ravel(pixels.variance)).tolist(),
    }
    path = os.path.join(folder, NETWORK_FILE)
    writing.write(path, text_of(content, indent=2, sort_keys=True) + "\n")
