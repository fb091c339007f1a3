"""One run at a time on a pipeline root; the lock names its holder and ends with it."""

import contextlib
import fcntl
import os
import socket
from pathlib import Path

from failures import Failure


class RootInUse(Failure):
    """Another process holds the root; the message says who."""


@contextlib.contextmanager
def hold(root, now):
    """Holds the pipeline root until the block or the process ends.

    Args:
      root: the folder; made if missing.
      now: a datetime, for the line that names the holder.

    Raises:
      RootInUse: another process holds it.
      Failure: the folder cannot be written.
    """
    root = Path(root)
    try:
        root.mkdir(parents=True, exist_ok=True)
        # A POSIX record lock: the kernel drops it when its process dies, however it dies.
        file = open(root / ".lock", "a+")  # noqa: SIM115
    except OSError as error:
        raise Failure(
            f"{error.filename} cannot be written: {error.strerror}. Choose another root with "
            "--set root=FOLDER, or make this one writable."
        ) from None
    with file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "another process"
            raise RootInUse(
                f"{root} is in use by {holder}. Wait for that run, or give this one a root of "
                "its own: --set root=FOLDER."
            ) from None
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()} since {now:%Y-%m-%d %H:%M}")
        file.flush()
        yield
        file.truncate(0)
