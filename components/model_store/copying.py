"""Copies a SavedModel from and to any place that TFX can read and write."""

import os

from tfx.dsl.io import fileio

from components.model_store.names import SAVED_MODEL_FILES
from failures import Failure
from files.places import files_below
from files.writing import copy_files


def model_files(folder: str) -> list[str]:
    """Paths of all files below `folder`, relative to it, in a fixed order.

    The file by which a server recognises a SavedModel comes last, so that whoever
    copies in this order never leaves a half that looks whole.

    Raises:
      Failure: there is none.
    """
    found = files_below(folder)
    if not found:
        # A walk over a folder that is gone ends without a word, and nothing is no model.
        raise Failure(f"{folder} holds no model. Name another, or run again.")
    return sorted(found, key=lambda path: (path in SAVED_MODEL_FILES, path))


def is_saved_model(folder: str) -> bool:
    """Whether a server would recognise a SavedModel in `folder`."""
    return any(fileio.exists(os.path.join(folder, name)) for name in SAVED_MODEL_FILES)


def copy_model(source: str, target: str) -> None:
    """Copies all files below `source` to `target`, which is made when it is missing.

    A local copy is on disk when this returns, so that no power cut halves a version.
    """
    copy_files(source, target, model_files(source))
