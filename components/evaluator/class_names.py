"""The class names that a SavedModel was trained with, and those of two models together."""

import os
from collections.abc import Sequence

from tfx.dsl.io import fileio

from components.failure import Failure

_VOCABULARY = os.path.join("assets", "labels")


def read_class_names(saved_model: str) -> list[str]:
    """One name for each class, in the order of the model's probabilities.

    Raises:
      Failure: the model has no vocabulary.
    """
    file = os.path.join(saved_model, _VOCABULARY)
    if not fileio.exists(file):
        raise Failure(
            f"Evaluator: the model in {saved_model} has no vocabulary {_VOCABULARY}, so its "
            "classes have no names. Export it with the Trainer of this project."
        )
    with fileio.open(file, "rb") as lines:
        return lines.read().decode().splitlines()


def joint_class_names(vocabularies: Sequence[Sequence[str]]) -> list[str]:
    """The first vocabulary, followed by the names that only later ones have."""
    return list(dict.fromkeys(name for names in vocabularies for name in names))
