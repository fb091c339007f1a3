"""A Tuner's best hyperparameters, which replace keys of the configuration.

The artifact is TFX's HyperParameters: a file of KerasTuner's JSON, `{"space": …, "values": …}`.
"""

import json
import os
from collections.abc import Mapping
from typing import Any

from failures import Failure
from files import places

FILE = "best_hyperparameters.txt"  # TFX's own Tuner and Trainer use this name.


def read_best(folder: str) -> dict[str, Any]:
    """The values in an artifact of type HyperParameters, by configuration key.

    Raises:
      Failure: the artifact holds no hyperparameters.
    """
    try:
        return tunable(places.read_json(os.path.join(folder, FILE))["values"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Failure(
            f"Trainer: {folder} has no readable {FILE}. Run Tuner again, or leave it out."
        ) from error


def tunable(values: Mapping[str, Any]) -> dict[str, Any]:
    """KerasTuner's values by configuration key, without its own ones ("tuner/epochs")."""
    return {
        key: json.loads(value) if isinstance(value, str) else value
        for key, value in values.items()
        if not key.startswith("tuner/")
    }
