"""Copies a SavedModel from and to any place that TFX can read and write."""

from components.model_store.layout import SAVED_MODEL_FILES
from failures import Failure
from files.places import files_below
from files.writing import copy_files


def model_files(folder: str) -> list[str]:
    """Paths of all files below `folder`, relative to it, in a fixed order.

    The file by which a server recognises a SavedModel comes last: a copy in this order never
    looks whole before it is.

    Raises:
      Failure: there is no file.
    """
    found = files_below(folder)
    if not found:
        # A walk over a folder that is gone finds nothing without an error.
        raise Failure(f"{folder} holds no model. Name another, or run again.")
    return sorted(found, key=lambda path: (path in SAVED_MODEL_FILES, path))


def copy_model(source: str, target: str) -> None:
    """Copies all files below `source` to `target`, which is made if missing.

    A local copy is on disk when this returns, so that a power failure leaves no half.
    """
    copy_files(source, target, model_files(source))
