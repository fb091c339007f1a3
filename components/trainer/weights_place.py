"""The files of the weights that a training begins with, wherever they are, and what is in them."""

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator

from components.model_store.model_files import copy_model, model_files, model_fingerprint
from failures import Failure
from files import places, writing
from files.buckets.addresses import is_bucket
from settings.first_weights import PLACES_OF_A_MODEL, SAVED_MODEL, is_keras_file, mistake_in

_NEXT = "Give model.weights another place, or nothing for random weights."


def version_of(place: str | None) -> str:
    """16 hexadecimal digits that change with the weights; "" for none.

    A path alone does not show that they have changed. For a bucket, the store's checksums do,
    without a read.

    Raises:
      Failure: there are none, or the bucket cannot be asked.
    """
    if not isinstance(place, str):
        return ""
    if not is_bucket(place):
        return "" if mistake_in(place) else fingerprint_of(place)[:16]
    from files.buckets import objects

    with places.reading(place, _NEXT):
        root = _root(place)
        files = [root] if is_keras_file(place) else _below(root)
        tags = [f"{file}\0{objects.head(file).tag}" for file in files]
    return hashlib.sha256("\n".join(tags).encode()).hexdigest()[:16]


def fingerprint_of(place: str) -> str:
    """The SHA-256 of a file; of a model, its fingerprint as Pusher records it.

    Raises:
      Failure: it cannot be read.
    """
    with places.reading(place, _NEXT):
        root = _root(place)
        return places.sha256(root) if is_keras_file(place) else model_fingerprint(root)


@contextlib.contextmanager
def local(place: str) -> Iterator[str]:
    """The file, or the SavedModel's folder, on this machine; a copy goes with the block.

    Raises:
      Failure: it cannot be read.
    """
    root = _root(place)
    if not is_bucket(place):
        yield root
        return
    with tempfile.TemporaryDirectory(prefix="steadyfeed-") as folder:
        copy = os.path.join(folder, os.path.basename(root))
        with places.reading(place, _NEXT):
            if is_keras_file(place):
                writing.copy_files(os.path.dirname(root), folder, [os.path.basename(root)])
            else:
                copy_model(root, copy)
        yield copy


def _root(place: str) -> str:
    """The file itself, or the SavedModel's folder."""
    if is_keras_file(place):
        if not places.exists(place):
            raise _nothing(place)
        return place
    for inner in PLACES_OF_A_MODEL:
        folder = place.rstrip("/") if inner == "." else os.path.join(place, inner)
        if places.exists(os.path.join(folder, SAVED_MODEL)):
            return folder
    raise _nothing(place)


def _nothing(place: str) -> Failure:
    mistake = mistake_in(place) or f"given {place!r}, where no weights are; allowed: other places"
    return Failure(f"Trainer: model.weights: {mistake}.")


def _below(folder: str) -> list[str]:
    return [os.path.join(folder, file) for file in model_files(folder)]
