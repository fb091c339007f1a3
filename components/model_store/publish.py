"""Puts a model into a push destination as its next version."""

import os
from collections.abc import Callable
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

    Raises:
      Failure: the destination cannot be written. Nothing half-made is left there.
    """
    with writing.reported(
        f"The push destination {destination}",
        "Free space or change its permissions, or set another push destination, and run again.",
    ):
        return add(model, destination, lambda: find(destination, record.fingerprint) or record)


def add(model: str, destination: str, decide: Callable[[], PushRecord | Version]) -> Version:
    """Makes `model` the next version, or returns the version that it is already.

    Args:
      decide: gives the record to put beside the model, or the version that holds the model. On
        a file system it is asked under the destination's lock, once the model is copied.
    """
    if "://" in destination:
        decided = decide()
        if isinstance(decided, Version):
            return decided
        number = _free_number(destination)
        target = version_path(destination, number)
        writing.write(os.path.join(target, RECORD), decided.to_json())
        copy_model(model, target)
        return Version(number, target, decided)
    place = Path(destination)
    place.mkdir(parents=True, exist_ok=True)
    with unfinished_folder(place) as folder:
        copy_model(model, str(folder))
        with locked(place):
            decided = decide()
            if isinstance(decided, Version):
                return decided
            writing.write(folder / RECORD, decided.to_json())
            number = _move_to_next_number(folder, destination)
    return Version(number, version_path(destination, number), decided)


def _move_to_next_number(folder: Path, destination: str) -> int:
    while True:
        number = _free_number(destination)
        path = version_path(destination, number)
        try:
            writing.publish(folder, path)
        except OSError:
            # Someone who ignores the lock took the name, or the disk refuses.
            if not os.path.lexists(path):
                raise
            continue
        return number


def _free_number(destination: str) -> int:
    number = next_number(destination)
    if number > HIGHEST_NUMBER:
        raise Failure(
            f"The push destination {destination} holds version {HIGHEST_NUMBER}, the highest that "
            "TensorFlow Serving accepts. Remove it or set another push destination."
        )
    return number
