"""Puts a model into a push destination as its next version."""

import os
from pathlib import Path

from components.model_store.layout import HIGHEST_NUMBER, RECORD, version_path
from components.model_store.locking import locked, unfinished_folder
from components.model_store.model_files import copy_model
from components.model_store.versions import PushRecord, Version, find, next_number
from failures import Failure
from files import writing


def publish(model: str, destination: str, record: PushRecord) -> Version:
    """Makes `model` the next version, or finds it when it is one already.

    On a local or mounted file system the version appears in one step, once it is on disk; any
    number of processes may publish at once, and each model gets one number. In an object
    store, which cannot rename folders, saved_model.pb is written last, and two processes
    should not publish at the same time.

    Args:
      model: folder of a SavedModel, local or remote.
      destination: the folder of versions; made if missing.
      record: what made the model; its fingerprint is the model's.

    Returns:
      The version that holds the model.

    Raises:
      Failure: the destination cannot be written. Nothing half-made is left there.
    """
    with writing.reported(
        f"The push destination {destination}",
        "Free space or change its permissions, or set another push destination, and run again.",
    ):
        if "://" in destination:
            present = find(destination, record.fingerprint)
            return present or publish_remotely(model, destination, record)
        return _publish_locally(model, Path(destination), record)


def _publish_locally(model: str, destination: Path, record: PushRecord) -> Version:
    destination.mkdir(parents=True, exist_ok=True)
    with unfinished_folder(destination) as folder:
        copy_model(model, str(folder))
        write_record(folder, record)
        with locked(destination):
            present = find(str(destination), record.fingerprint)
            if present:
                return present
            number = move_to_next_number(folder, destination)
    return Version(number, version_path(str(destination), number), record)


def write_record(folder: Path | str, record: PushRecord) -> None:
    """Writes the record beside the model."""
    writing.write(os.path.join(folder, RECORD), record.to_json())


def move_to_next_number(folder: Path, destination: Path) -> int:
    """Makes a whole folder the highest version; the caller holds the destination's lock."""
    while True:
        number = _free_number(str(destination))
        try:
            writing.publish(folder, destination / str(number))
        except OSError:
            # Someone who ignores the lock took the name, or the disk refuses.
            if not os.path.lexists(destination / str(number)):
                raise
            continue
        return number


def publish_remotely(model: str, destination: str, record: PushRecord) -> Version:
    """Writes the next version to an object store, saved_model.pb last."""
    number = _free_number(destination)
    target = version_path(destination, number)
    write_record(target, record)
    copy_model(model, target)
    return Version(number, target, record)


def _free_number(destination: str) -> int:
    number = next_number(destination)
    if number > HIGHEST_NUMBER:
        raise Failure(
            f"The push destination {destination} holds version {HIGHEST_NUMBER}, the highest that "
            "TensorFlow Serving accepts. Remove it or set another push destination."
        )
    return number
