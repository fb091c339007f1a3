"""Locks within a push destination on a local or mounted file system.

The kernel lets go of them when their process dies, however it dies.
"""

import contextlib
import fcntl
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

_LOCK = ".steadyfeed.lock"
_PREFIX = ".pushing-"


@contextlib.contextmanager
def locked(destination: Path) -> Iterator[None]:
    """Keeps every other process that asks out of `destination` for a moment."""
    with _lock_file(destination / _LOCK):
        yield


@contextlib.contextmanager
def unfinished_folder(destination: Path) -> Iterator[Path]:
    """A folder to make a version in; servers pass over its name.

    It is gone afterwards unless it was renamed. What a killed process left is
    removed here, and what a living one is filling is left alone.
    """
    folder = destination / f"{_PREFIX}{uuid.uuid4().hex}"
    lock = folder.with_suffix(".lock")
    with contextlib.ExitStack() as held:
        with locked(destination):
            _remove_dead(destination)
            held.enter_context(_lock_file(lock))
            folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            lock.unlink()


def _remove_dead(destination: Path) -> None:
    for lock in destination.glob(f"{_PREFIX}*.lock"):
        # Nobody waits for these locks, so one that can be taken has lost its owner.
        with contextlib.suppress(BlockingIOError), _lock_file(lock, fcntl.LOCK_NB):
            shutil.rmtree(lock.with_suffix(""), ignore_errors=True)
            lock.unlink(missing_ok=True)  # Its owner may end at this very moment.


@contextlib.contextmanager
def _lock_file(file: Path, how: int = 0) -> Iterator[None]:
    # A file and not the folder itself: only locks on files reach across hosts on NFS.
    handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | how)
        yield
    finally:
        os.close(handle)
