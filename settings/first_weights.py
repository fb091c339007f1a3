"""Where the weights are that a training begins with: a model of this project, or a Keras file."""

import contextlib
import json
import os
from pathlib import Path
from typing import Any

import models
from files.buckets.addresses import is_bucket
from settings.buckets import ADDRESS, IN_WORDS
from settings.folders import folder
from settings.plain_paths import PLAIN

KERAS_FILES = (".weights.h5", ".h5", ".keras")
# A pushed version is a SavedModel; Trainer's artifact has one in a folder.
PLACES_OF_A_MODEL = (".", "Format-Serving")
SAVED_MODEL = "saved_model.pb"
# What stands beside it, in a folder that servers leave alone.
NETWORK_FILE = os.path.join("assets.extra", "network.json")

Weights = folder(rf"{ADDRESS}|{PLAIN}", f"a file or a folder of this machine, or {IN_WORDS}")


def is_keras_file(place: str) -> bool:
    """Whether the name is one of a file that Keras writes."""
    return place.endswith(KERAS_FILES)


def misfit(place: str, network: str, channels: int) -> str | None:
    """What is known to be wrong with the weights at a place, for a network with this many channels.

    The Trainer compares the arrays; this is what can be said without TensorFlow, and of this
    machine's places alone.
    """
    fitting = ", ".join(filter(models.has_backbone, models.NAMES))
    without = network in models.NAMES and not models.has_backbone(network)
    if is_keras_file(place):
        return without and (
            f"given {place!r}, a file of Keras weights, which are those of a backbone, and "
            f"{network} has none; allowed: the folder of a model that this project trained, or "
            f"model.name {fitting}"
        )
    known = _described(place)
    theirs, means = known.get("network"), known.get("pixel_mean")
    seen = len(means) if isinstance(means, list) else None
    if seen and seen != channels:
        return (
            f"given {place!r}, whose weights were trained with preprocessing.channels {seen}; "
            f"given {channels} here; allowed: the same"
        )
    other = theirs != network and theirs in models.NAMES and network in models.NAMES
    if other and not (models.has_backbone(network) and models.has_backbone(theirs)):
        return f"given {place!r}, whose weights are those of {theirs}; allowed: those of {network}"
    return None


def _described(place: str) -> dict[str, Any]:
    """What stands beside a model of this project; {} where it cannot be read."""
    for inner in PLACES_OF_A_MODEL if not is_bucket(place) else ():
        with contextlib.suppress(OSError, ValueError):
            known = json.loads(Path(place, inner, NETWORK_FILE).read_text(encoding="utf-8"))
            return known if isinstance(known, dict) else {}
    return {}


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
