"""Locks within a push destination on a local or mounted file system."""

import contextlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

from files import locks, writing
from files.buckets.addresses import is_bucket

_LOCK = ".steadyfeed.lock"
_PREFIX = ".pushing-"


def locked(destination: Path | str) -> contextlib.AbstractContextManager:
    """Keeps every other process that asks out of `destination`; a bucket has no lock."""
    if is_bucket(destination) or not os.path.isdir(destination):
        return contextlib.nullcontext()
    return locks.hold(os.path.join(destination, _LOCK))


@contextlib.contextmanager
def unfinished_folder(destination: Path) -> Iterator[Path]:
    """A folder to make a version in; servers ignore its name.

    It is removed afterwards unless it was renamed. What a killed process left is removed
    here; what a living one is filling stays.
    """
    folder = destination / f"{_PREFIX}{uuid.uuid4().hex}"
    lock = folder.with_suffix(".lock")
    with contextlib.ExitStack() as held:
        with locked(destination):
            _remove_dead(destination)
            held.enter_context(locks.hold(lock))
            folder.mkdir()
        try:
            yield folder
        finally:
            writing.remove(folder)
            lock.unlink(missing_ok=True)  # A host that sees no locks of this one has removed it.


def _remove_dead(destination: Path) -> None:
    for lock in destination.glob(f"{_PREFIX}*.lock"):
        if locks.holder(lock) is None:
            writing.remove(lock.with_suffix(""))
            lock.unlink(missing_ok=True)  # Its owner may end at this very moment.
