"""The best hyperparameters of a Tuner, in the place of those of the configuration.

The artifact is TFX's HyperParameters: a file with KerasTuner's JSON, `{"space": …, "values": …}`.
"""

import json
import os
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from failures import Failure

FILE = "best_hyperparameters.txt"  # the name that TFX's own Tuner and Trainer know
# Configuration key → Trainer's parameter that holds it.
SECTIONS = {
    "training": "training",
    "model.parameters": "model_parameters",
    "augmentation": "augmentation",
}


def read_best(folder: str) -> dict[str, Any]:
    """The values in an artifact of type HyperParameters, by configuration key.

    Raises:
      Failure: the artifact holds no hyperparameters.
    """
    try:
        with tf.io.gfile.GFile(os.path.join(folder, FILE)) as file:
            return tunable(json.load(file)["values"])
    except (tf.errors.OpError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Failure(
            f"Trainer: {folder} holds no readable {FILE}. Run Tuner again, or leave it out."
        ) from error


def tunable(values: Mapping[str, Any]) -> dict[str, Any]:
    """KerasTuner's values by configuration key, without those of its own ("tuner/epochs")."""
    return {
        key: json.loads(value) if isinstance(value, str) else value
        for key, value in values.items()
        if not key.startswith("tuner/")
    }


def override(exec_properties: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Trainer's parameters with these values, {"training.learning_rate": 0.01, …}, in them."""
    sections = {
        section: json.loads(exec_properties[parameter]) for section, parameter in SECTIONS.items()
    }
    for key, value in values.items():
        section, _, name = key.rpartition(".")
        if section not in sections:
            raise Failure(
                f'Trainer: there is no hyperparameter "{key}". '
                f"It must begin with one of: {', '.join(f'{known}.' for known in sections)}"
            )
        sections[section][name] = value
    told = {
        parameter: json.dumps(sections[section], sort_keys=True)
        for section, parameter in SECTIONS.items()
    }
    return {**exec_properties, **told}
