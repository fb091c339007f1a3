"""The class names that a SavedModel was trained with, and those of two models together."""

import os
from collections.abc import Sequence

from tfx.dsl.io import fileio

from components import saved_vocabulary
from components.evaluator.model_place import ModelPlace


def read_class_names(place: ModelPlace) -> list[str]:
    """One name for each class, in the order of the model's probabilities.

    Raises:
      Failure: the model has no vocabulary.
    """
    file = os.path.join(place.path, saved_vocabulary.FILE)
    if not fileio.exists(file):
        raise place.failure(
            f"has no vocabulary {saved_vocabulary.FILE}, so its classes have no names"
        )
    with fileio.open(file, "rb") as lines:
        return saved_vocabulary.class_names(lines.read())


def joint_class_names(vocabularies: Sequence[Sequence[str]]) -> list[str]:
    """The first vocabulary, followed by the names that only later ones have."""
    return list(dict.fromkeys(name for names in vocabularies for name in names))
