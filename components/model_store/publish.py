"""Puts a model into a push destination as its next version."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from components.model_store.bucket_publish import add_to_bucket
from components.model_store.layout import RECORD, free_number, version_path
from components.model_store.locking import locked, unfinished_folder
from components.model_store.model_files import copy_beside, copy_model
from components.model_store.versions import PushRecord, Version, find, next_number
from failures import SurroundingsFailure
from files import writing
from files.buckets.addresses import is_bucket
from files.places import files_below


def publish(model: str, destination: str, record: PushRecord, beside: str | None = None) -> Version:
    """Makes `model` the next version, or finds it when it is one already.

    On a local or mounted file system the version appears in one step, once it is on disk; any
    number of processes may publish at once, and each model gets one number, if file locks of one
    host hold on the others. In a bucket saved_model.pb, without which no server loads a version,
    appears last; there the same holds of numbers where the store has conditional writes, as S3
    and Cloud Storage do.

    Args:
      record: a version that lacks one of its `exports` is not that model, unless another model is
        in service.
      beside: a folder with further files of the version, as requests to warm up with.

    Raises:
      Failure: the destination cannot be written. Nothing half-made is left there.
    """
    with writing.reported(
        f"The push destination {destination}",
        "Free space or change its permissions, or set another push destination, and run again.",
    ):
        return add(
            model,
            destination,
            lambda: find(destination, record.fingerprint, record.exports) or record,
            beside,
        )


def add(
    model: str,
    destination: str,
    decide: Callable[[], PushRecord | Version],
    beside: str | None = None,
) -> Version:
    """Makes `model` the next version, or returns the version that it is already.

    Args:
      decide: gives the record to put beside the model, or the version that holds the model. On
        a file system it is asked under the destination's lock, once the model is copied; in a
        bucket before and after.
    """
    if is_bucket(destination):
        return add_to_bucket(model, destination, decide, beside)
    place = Path(destination)
    place.mkdir(parents=True, exist_ok=True)
    with unfinished_folder(place) as folder:
        copied = copy_model(model, str(folder)) + copy_beside(beside, str(folder))
        with locked(place):
            decided = decide()
            if isinstance(decided, Version):
                return decided
            writing.write(folder / RECORD, decided.to_json())
            _check_whole(folder, copied, destination)
            number = _move_to_next_number(folder, destination)
    return Version(number, version_path(destination, number), decided)


def _check_whole(folder: Path, copied: Iterable[str], destination: str) -> None:
    """A push on a host that sees no locks of this one takes the folder for that of a dead one."""
    if not set(copied) <= set(files_below(folder)):
        raise SurroundingsFailure(
            f"The push destination {destination} cannot be written: another push removed the files "
            "of this one, as its host sees no file locks of this host. Push from one host at a "
            "time, or to a file system whose locks reach all hosts, as those of NFSv4, and run "
            "again."
        )


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
