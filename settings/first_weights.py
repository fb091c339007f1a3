"""Where the weights are that a training begins with: a model of this project, or a Keras file."""

import os

import models
from files.buckets.addresses import is_bucket
from settings.buckets import ADDRESS, IN_WORDS
from settings.folders import folder
from settings.plain_paths import PLAIN

KERAS_FILES = (".weights.h5", ".h5", ".keras")
# A pushed version is a SavedModel; Trainer's artifact has one in a folder.
PLACES_OF_A_MODEL = (".", "Format-Serving")
SAVED_MODEL = "saved_model.pb"

Weights = folder(rf"{ADDRESS}|{PLAIN}", f"a file or a folder of this machine, or {IN_WORDS}")


def is_keras_file(place: str) -> bool:
    """Whether the name is one of a file that Keras writes."""
    return place.endswith(KERAS_FILES)


def misfit(place: str, network: str) -> str | None:
    """What is wrong with the place for a network of models/, whatever is there."""
    if not is_keras_file(place) or models.has_backbone(network):
        return None
    fitting = ", ".join(filter(models.has_backbone, models.NAMES))
    return (
        f"given {place!r}, a file of Keras weights, which are those of a backbone, and {network} "
        f"has none; allowed: the folder of a model that this project trained, or model.name "
        f"{fitting}"
    )


def mistake_in(place: str) -> str | None:
    """What is wrong with a place of this machine; what is in a bucket is not asked for."""
    if is_bucket(place):
        return None
    if is_keras_file(place) and os.path.isfile(place):
        return None
    models = [os.path.join(place, inner, SAVED_MODEL) for inner in PLACES_OF_A_MODEL]
    if any(map(os.path.isfile, models)):
        return None
    return (
        f"given {place!r}, where no weights are; allowed: a folder with {SAVED_MODEL} that this "
        f"project wrote, an existing file that ends in {', '.join(KERAS_FILES)}, or nothing for "
        "random weights"
    )
