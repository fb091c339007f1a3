"""What a search space says beside its own words: where it has fractions, what is in its files."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from components.trainer.models.names import MODEL_NAMES, parameter_types
from components.trainer.training_parameters import AugmentationParameters, TrainingParameters
from files.content import content_hash

_SECTIONS = {"training": TrainingParameters, "augmentation": AugmentationParameters}


def with_fractions(
    search_space: Mapping[str, Mapping[str, Any]], model: str | None
) -> dict[str, Mapping[str, Any]]:
    """The search space, its ranges in fractions wherever the key takes them.

    {"augmentation.crop": {"min": 0, "max": 1}} would otherwise be 0 and 1 and nothing between.

    Args:
      search_space: see `tuner_parameters.TunerParameters`.
      model: name of the model, whose parameters it may search for.
    """
    return {
        key: {**tried, "min": float(tried["min"]), "max": float(tried["max"])}
        if "min" in tried and _takes_fractions(key, model)
        else tried
        for key, tried in search_space.items()
    }


def weights_tried(search_space: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The content of each weights file to choose from, as hashes; empty where there are none."""
    files = search_space.get("model.parameters.weights", {}).get("choices") or []
    return [content_hash(file) for file in files]


def _takes_fractions(key: str, model: str | None) -> bool:
    section, _, name = key.rpartition(".")
    if section in _SECTIONS:
        fields = dataclasses.fields(_SECTIONS[section])
        return any(field.name == name and field.type is float for field in fields)
    return model in MODEL_NAMES and parameter_types(model).get(name) == "float"
