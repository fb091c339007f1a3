"""What Transform reports of a disk that it cannot write."""

import contextlib
import errno

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
