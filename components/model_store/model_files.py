"""The files of a SavedModel, in any place that TFX can read: to copy and to compare them."""

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator

from components.model_store.layout import RECORD, SAVED_MODEL_FILES, is_beside
from failures import Failure
from files import writing
from files.buckets.addresses import is_bucket
from files.places import files_below, sha256


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


def copy_model(source: str, target: str) -> list[str]:
    """Copies all files below `source` to `target`, which is made if missing; returns their paths.

    A local copy is on disk when this returns, so that a power failure leaves no half.
    """
    paths = model_files(source)
    writing.copy_files(source, target, paths)
    return paths


def remove_model(folder: str) -> None:
    """Removes a version from a bucket object by object, so that a kill leaves no half for good.

    The file by which a server recognises it goes first, so that no half looks whole. Its record
    goes last: only by that is a half known for one that may be removed.
    """

    def turn(path: str) -> tuple[bool, bool]:
        return path == RECORD, path not in SAVED_MODEL_FILES

    for path in sorted(files_below(folder), key=turn):
        writing.remove(os.path.join(folder, path))
    writing.remove(folder)  # Some programs make empty objects for folders.


@contextlib.contextmanager
def local_model(folder: str) -> Iterator[str]:
    """A model's folder on this machine; of one in a bucket, a copy that goes with the block."""
    if not is_bucket(folder):
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="steadyfeed-") as copy:
        copy_model(folder, copy)
        yield copy


def copy_beside(source: str | None, target: str) -> list[str]:
    """Copies what stands beside a SavedModel, if there is anything, into its folder; as above."""
    paths = files_below(source) if source else []
    writing.copy_files(source, target, paths)
    return paths


def model_fingerprint(folder: str) -> str:
    """A hash over names and contents of a SavedModel's files.

    What stands beside them (the push record, requests to warm up with, exports) and the
    modification times do not count, so a model has the same fingerprint in the pipeline root and
    in the push destination.
    """
    digest = hashlib.sha256()
    for path in model_files(folder):
        if is_beside(path):
            continue
        content = sha256(os.path.join(folder, path))
        digest.update(path.encode() + b"\0" + bytes.fromhex(content))
    return digest.hexdigest()
