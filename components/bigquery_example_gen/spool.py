"""Keeps what rows hold on this machine's disk, as their order is known only when all are there."""

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from components.examples.entries import Entry
from files import writing
from files.places import is_remote

_NEXT_STEP = "Free space or correct the permissions there, then run again."


class Place(NamedTuple):
    """Where a content is, and what it is: as a Picture without its name, which its key is."""

    file: str
    offset: int  # bytes
    size: int
    digest: bytes  # (32,) SHA-256


@contextlib.contextmanager
def spool_folder(uri: str) -> Iterator[str]:
    """An empty folder for the block: in that of the artifact, or beside it where it is remote."""
    if is_remote(uri):
        with tempfile.TemporaryDirectory() as folder:
            yield folder
        return
    folder = os.path.join(uri, "rows.unfinished")
    with writing.reported(folder, _NEXT_STEP):
        writing.remove(folder)  # A killed attempt may have left it.
        os.makedirs(folder)
    try:
        yield folder
    finally:
        writing.remove(folder)


@contextlib.contextmanager
def spool_file(path: str) -> Iterator[Callable[[bytes], Place]]:
    """A function that appends a content to a file, and says where it is.

    Raises:
      Failure: the disk is full, or the file cannot be written.
    """
    with contextlib.ExitStack() as stack:
        with writing.reported(path, _NEXT_STEP):
            file = stack.enter_context(open(path, "wb"))

        def append(content: bytes) -> Place:
            place = Place(path, file.tell(), len(content), hashlib.sha256(content).digest())
            with writing.reported(path, _NEXT_STEP):
                file.write(content)
            return place

        yield append
        with writing.reported(path, _NEXT_STEP):
            file.flush()


class SpoolReader:
    """Reads the contents of entries; several threads may do so at once.

    Pickled, it knows the places of its entries alone: those of a large table take GiB.
    """

    def __init__(self, places: Mapping[str, Place], entries: Sequence[Entry]):
        self._places, self._entries = places, entries

    def __reduce__(self):
        names = {name for one in self._entries for name in (one.path, one.mask_path) if name}
        return SpoolReader, ({name: self._places[name] for name in names}, self._entries)

    def __call__(self, name: str, digest: bytes) -> bytes:
        place = self._places[name]
        with writing.reported(place.file, _NEXT_STEP), open(place.file, "rb") as file:
            file.seek(place.offset)
            return file.read(place.size)
