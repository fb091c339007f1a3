"""Puts a model into a push destination as its next version."""

import errno
import os
import shutil
from pathlib import Path

from tfx.dsl.io import fileio

from components.model_store.copying import copy_model, model_files
from components.model_store.fingerprint import RECORD
from components.model_store.locking import locked, unfinished_folder
from components.model_store.names import HIGHEST_NUMBER
from components.model_store.versions import (
    PushRecord,
    Version,
    find,
    next_number,
    version_path,
)
from failures import Failure

_TAKEN = (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR)


def publish(model: str, destination: str, record: PushRecord) -> Version:
    """Makes `model` the next version, or finds it when it is one already.

    On a local or mounted file system the version appears in one step, whole and
    on the disk; any number of processes may publish at once, and each model gets
    one number. In an object store, which cannot rename folders, saved_model.pb is
    written last, and two processes should not publish at the same time.

    Args:
      model: folder of a SavedModel, local or remote.
      destination: where versions lie; made when it is missing.
      record: what made the model; its fingerprint is the model's.

    Returns:
      The version that holds the model.

    Raises:
      Failure: the destination cannot be written. Nothing half-made is left there.
    """
    try:
        if "://" in destination:
            present = find(destination, record.fingerprint)
            return present or publish_remotely(model, destination, record)
        return _publish_locally(model, Path(destination), record)
    except OSError as error:
        raise Failure(
            f"The push destination {destination} cannot be written: "
            f"{error.strerror or error}. Free space or change its permissions, or set another "
            "push destination, and run again."
        ) from error


def _publish_locally(model: str, destination: Path, record: PushRecord) -> Version:
    destination.mkdir(parents=True, exist_ok=True)
    with unfinished_folder(destination) as folder:
        copy_durably(model, folder, record)
        with locked(destination):
            present = find(str(destination), record.fingerprint)
            if present:
                return present
            number = move_to_next_number(folder, destination)
    return Version(number, version_path(str(destination), number), record)


def copy_durably(model: str, folder: Path, record: PushRecord) -> None:
    """Everything is on the disk when this returns, so that no power cut halves a version."""
    for path in model_files(model):
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with fileio.open(os.path.join(model, path), "rb") as data, target.open("wb") as copy:
            shutil.copyfileobj(data, copy, 1 << 20)
            copy.flush()
            os.fsync(copy.fileno())
    write_record(folder, record)
    for place, _, _ in os.walk(folder):
        _sync_folder(place)


def write_record(folder: Path, record: PushRecord) -> None:
    """Writes the record beside the model, durably."""
    with (folder / RECORD).open("w") as text:
        text.write(record.to_json())
        text.flush()
        os.fsync(text.fileno())


def move_to_next_number(folder: Path, destination: Path) -> int:
    """Makes a whole folder the highest version; the caller holds the destination's lock."""
    while True:
        number = _free_number(str(destination))
        try:
            # Fails when the name is taken by a version of someone who knows no lock.
            os.rename(folder, destination / str(number))
        except OSError as error:
            if error.errno not in _TAKEN:
                raise
            continue
        _sync_folder(destination)
        return number


def _sync_folder(folder) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def publish_remotely(model: str, destination: str, record: PushRecord) -> Version:
    """Writes the next version to an object store, saved_model.pb last."""
    number = _free_number(destination)
    target = version_path(destination, number)
    fileio.makedirs(target)
    with fileio.open(os.path.join(target, RECORD), "w") as text:
        text.write(record.to_json())
    copy_model(model, target)
    return Version(number, target, record)


def _free_number(destination: str) -> int:
    number = next_number(destination)
    if number > HIGHEST_NUMBER:
        raise Failure(
            f"The push destination {destination} holds version {HIGHEST_NUMBER}, the highest that "
            "TensorFlow Serving knows. Remove it or set another push destination."
        )
    return number
