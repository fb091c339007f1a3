"""Locks between processes, which name their holder and end with it, however it dies.

They are the kernel's own (flock) on a small file. A package such as portalocker would add
nothing here but a dependency, and the input function is installed where only TensorFlow,
Keras and NumPy are.
"""

import contextlib
import datetime
import fcntl
import os
import socket
import time
from typing import BinaryIO

from failures import Failure

_TRIES = 4
_TRY_SECONDS = 0.05


class InUse(Failure):
    """Another process holds the lock; `holder` says which."""

    def __init__(self, message: str, holder: str):
        super().__init__(message)
        self.holder = holder


def hold(path, shared: bool = False, wait: bool = True, named: bool = True) -> BinaryIO:
    """Holds the lock file `path`: `with hold(path): …`.

    The lock ends when the returned file is closed, or with the process. A process that was
    started with the file's descriptor (`pass_fds`) holds it as well. Two calls in one
    process exclude each other like two processes.

    Args:
      path: the lock's file, in an existing folder; made if missing. Who holds it alone may
        rename or remove it, or a folder above it: who has waited then waits for the new one.
      shared: whether other shared holders are let in.
      wait: whether to wait for the process that holds it.
      named: whether an exclusive holder's name replaces what is in the file.

    Raises:
      InUse: it is held already, and `wait` is False.
      OSError: the file cannot be opened for writing.
    """
    while True:
        # A file and not its folder: only locks on files reach across hosts on NFS.
        lock = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o666), "r+b", buffering=0)
        try:
            _take(lock, fcntl.LOCK_SH if shared else fcntl.LOCK_EX, wait)
        except BlockingIOError:
            with lock:
                name = _name_in(lock)
            raise InUse(f"{path} is held by {name}. Wait until it ends.", name) from None
        if _is_at(path, lock):
            break
        lock.close()  # It was renamed or removed in the meantime: others hold another file.
    if named and not shared:
        with contextlib.suppress(OSError):  # Who frees a full disk needs locks as well.
            lock.truncate(0)
            lock.write(_this_process().encode())
    return lock


def share(lock: BinaryIO) -> None:
    """Lets shared holders in; Linux does so in one step, and nobody else has it in between."""
    fcntl.flock(lock, fcntl.LOCK_SH)


def holder(path) -> str | None:
    """Which process holds a lock exclusively, in words; None if none does."""
    try:
        with open(path, "rb", buffering=0) as lock:
            try:
                # For this moment alone; `_take` bears with it.
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return _name_in(lock)
    except FileNotFoundError:
        pass
    return None


def _take(lock: BinaryIO, kind: int, wait: bool) -> None:
    if wait:
        fcntl.flock(lock, kind)
        return
    for attempt in range(_TRIES):
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(lock, kind | fcntl.LOCK_NB)
            return
        if attempt + 1 < _TRIES:
            time.sleep(_TRY_SECONDS)  # `holder` may be looking at this very moment.
    raise BlockingIOError


def _is_at(path, lock: BinaryIO) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(lock.fileno()))
    except FileNotFoundError:
        return False


def _name_in(lock: BinaryIO) -> str:
    lock.seek(0)
    return lock.read().decode(errors="replace").strip() or "another process"


def _this_process() -> str:
    since = datetime.datetime.now()
    return f"process {os.getpid()} on {socket.gethostname()} since {since:%Y-%m-%d %H:%M}"
