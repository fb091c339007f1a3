"""Files and folders get their names when they are whole and on disk, never before."""

import contextlib
import errno
import os

import tensorflow as tf

from failures import Failure

_CANNOT_WRITE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM}
_NO_SPACE = "No space left on device"


@contextlib.contextmanager
def writing(folder: str):
    """Around what writes below `folder`.

    Raises:
      Failure: when the disk is full or the folder must not be written.
    """
    try:
        yield
    except (tf.errors.ResourceExhaustedError, tf.errors.PermissionDeniedError) as error:
        # The first also stands for memory that ran out.
        if isinstance(error, tf.errors.ResourceExhaustedError) and _NO_SPACE not in error.message:
            raise
        raise _not_written(folder, error.message.rpartition("; ")[2]) from error
    except OSError as error:
        if error.errno not in _CANNOT_WRITE:
            raise
        raise _not_written(folder, error.strerror) from error


def _not_written(folder: str, cause: str) -> Failure:
    return Failure(
        f"Transform cannot write in {folder}: {cause}. "
        "Free some space or make the folder writable, then run again."
    )


def file(partial: str, target: str) -> None:
    """Gives a finished file its name."""
    _sync(partial)
    tf.io.gfile.rename(partial, target, overwrite=True)


def folder(partial: str, target: str, last: str) -> None:
    """Moves everything in `partial` to `target`, the entry named `last` at the end.

    Who finds `last` in `target` finds all the rest.
    """
    for place, _, names in tf.io.gfile.walk(partial):
        for name in names:
            _sync(os.path.join(place, name))
    tf.io.gfile.makedirs(target)
    # gfile may end the names of folders with a slash.
    entries = [entry.rstrip("/") for entry in tf.io.gfile.listdir(partial)]
    for entry in sorted(entries, key=lambda name: name == last):
        tf.io.gfile.rename(f"{partial}/{entry}", f"{target}/{entry}", overwrite=True)


def _sync(path: str) -> None:
    """Waits until a local file is on disk; object stores hold a file once it is closed."""
    if os.path.isfile(path):
        with open(path, "rb") as opened:
            os.fsync(opened.fileno())
