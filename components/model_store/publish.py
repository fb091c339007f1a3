"""Puts a model into a push destination as its next version."""

import os
from collections.abc import Callable
from pathlib import Path

from components.model_store.bucket_publish import add_to_bucket
from components.model_store.layout import RECORD, free_number, version_path
from components.model_store.locking import locked, unfinished_folder
from components.model_store.model_files import copy_model, write_warm_up
from components.model_store.versions import PushRecord, Version, find, next_number
from files import writing
from files.buckets.addresses import is_bucket


def publish(
    model: str, destination: str, record: PushRecord, warm_up: bytes | None = None
) -> Version:
    """Makes `model` the next version, or finds it when it is one already.

    On a local or mounted file system the version appears in one step, once it is on disk; any
    number of processes may publish at once, and each model gets one number. In a bucket
    saved_model.pb, without which no server loads a version, appears last; there the same holds
    of numbers where the store has conditional writes, as S3 and Cloud Storage do.

    Args:
      warm_up: requests that TensorFlow Serving answers for itself before any others.

    Raises:
      Failure: the destination cannot be written. Nothing half-made is left there.
    """
    with writing.reported(
        f"The push destination {destination}",
        "Free space or change its permissions, or set another push destination, and run again.",
    ):
        return add(
            model, destination, lambda: find(destination, record.fingerprint) or record, warm_up
        )


def add(
    model: str,
    destination: str,
    decide: Callable[[], PushRecord | Version],
    warm_up: bytes | None = None,
) -> Version:
    """Makes `model` the next version, or returns the version that it is already.

    Args:
      decide: gives the record to put beside the model, or the version that holds the model. On
        a file system it is asked under the destination's lock, once the model is copied; in a
        bucket before and after.
    """
    if is_bucket(destination):
        return add_to_bucket(model, destination, decide, warm_up)
    place = Path(destination)
    place.mkdir(parents=True, exist_ok=True)
    with unfinished_folder(place) as folder:
        copy_model(model, str(folder))
        write_warm_up(str(folder), warm_up)
        with locked(place):
            decided = decide()
            if isinstance(decided, Version):
                return decided
            writing.write(folder / RECORD, decided.to_json())
            number = _move_to_next_number(folder, destination)
    return Version(number, version_path(destination, number), decided)


def _move_to_next_number(folder: Path, destination: str) -> int:
    while True:
        number = free_number(destination, next_number(destination))
        path = version_path(destination, number)
        try:
            writing.publish(folder, path)
        except OSError:
            # Someone who ignores the lock took the name, or the disk refuses.
            if not os.path.lexists(path):
                raise
            continue
        return number
