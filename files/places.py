"""Opens, reads and lists files, local or in a bucket.

The addresses s3:// and gs:// go through `files.buckets`, any other with "://" through
tf.io.gfile. A path needs the standard library alone, so that commands that read a few local
files do not wait for other libraries.
"""

import contextlib
import errno
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from failures import SurroundingsFailure
from files.buckets.addresses import is_bucket

_READ_BYTES = 4 << 20
UNFINISHED = ".unfinished"  # ends the name of what is being written
_OF_PROCESSES = (ChildProcessError, ConnectionError, ProcessLookupError)  # among OSErrors
# What TensorFlow's file systems raise, local and remote; its computations raise the others.
_OF_FILE_SYSTEMS = {
    "Aborted", "AlreadyExists", "DeadlineExceeded", "FailedPrecondition", "NotFound",
    "PermissionDenied", "Unauthenticated", "Unavailable", "Unimplemented", "Unknown",
}  # fmt: skip


def is_remote(path) -> bool:
    return "://" in str(path)


def opened(path, mode="rb"):
    """The file object of `path`; text is UTF-8.

    Raises:
      OSError, or for another remote path than a bucket's tf.errors.OpError: it cannot be opened.
    """
    if is_remote(path):
        return gfile(path).GFile(str(path), mode)
    return open(path, mode, encoding=None if "b" in mode else "utf-8")


def exists(path) -> bool:
    """Whether there is a file or folder `path`."""
    return gfile(path).exists(str(path)) if is_remote(path) else os.path.exists(path)


def is_folder(path) -> bool:
    return gfile(path).isdir(str(path)) if is_remote(path) else os.path.isdir(path)


def read(path, next_step: str) -> bytes:
    """What is in the file `path`.

    Raises:
      Failure: it cannot be read; ends with `next_step`.
    """
    with reading(path, next_step), opened(path) as file:
        return file.read()


def read_json(path) -> Any:
    """What the JSON file `path` holds; None where it is missing or damaged."""
    try:
        with opened(path) as file:
            return json.loads(file.read())
    except Exception as error:
        if not isinstance(error, ValueError) and not is_file_error(error):
            raise
        return None


def sha256(path) -> str:
    """64 hexadecimal digits of a file's whole content; raises like `opened`."""
    digest = hashlib.sha256()
    with opened(path) as file:
        while block := file.read(_READ_BYTES):
            digest.update(block)
    return digest.hexdigest()


def existing(folder) -> Path:
    """A local folder, or the nearest one above it that is there."""
    folder = Path(folder).absolute()
    while not folder.exists():
        folder = folder.parent
    return folder


def size(path) -> int:
    """The bytes of the file `path`; raises like `opened`."""
    return gfile(path).stat(str(path)).length if is_remote(path) else os.path.getsize(path)


def files_in(folder) -> list[str]:
    """The paths of the finished files and folders in a folder, by name; [] where it is missing."""
    if not is_folder(folder):
        return []
    names = gfile(folder).listdir(str(folder)) if is_remote(folder) else os.listdir(folder)
    found = sorted(name.rstrip("/") for name in names)  # A bucket's folders end in a slash.
    return [os.path.join(folder, name) for name in found if not name.endswith(UNFINISHED)]


def files_below(folder) -> list[str]:
    """The paths of all files in a folder and below, relative to it, in a fixed order."""
    walk = gfile(folder).walk if is_remote(folder) else os.walk
    return sorted(
        os.path.relpath(os.path.join(place, name), folder)
        for place, _, names in walk(str(folder))
        for name in names
    )


def reading(path, next_step: str) -> contextlib.AbstractContextManager:
    """Turns an error of reading `path`, in the block, into a SurroundingsFailure with its cause."""
    return reported(f"{path} cannot be read", next_step)


@contextlib.contextmanager
def reported(what: str, next_step: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        if not is_file_error(error):
            raise
        raise SurroundingsFailure(f"{what}: {why(error)}. {next_step}") from error


def is_file_error(error: BaseException) -> bool:
    """Whether reading or writing a file, local or remote, failed with this error."""
    if isinstance(error, OSError):
        return not isinstance(error, _OF_PROCESSES) and error.errno != errno.ENOMEM
    # By its module: a process that has not imported TensorFlow cannot have met its errors.
    if type(error).__module__ != "tensorflow.python.framework.errors_impl":
        return False
    kind = type(error).__name__
    if kind in ("ResourceExhaustedError", "OutOfRangeError"):  # The disk, or a computation.
        return any(words in str(error) for words in ("No space left", "quota", "File too large"))
    return kind.removesuffix("Error") in _OF_FILE_SYSTEMS


def is_missing(error: BaseException) -> bool:
    """Whether the error says that there is no such file, local or remote."""
    return isinstance(error, FileNotFoundError) or type(error).__name__ == "NotFoundError"


def why(error: Exception) -> str:
    """The cause that an error of reading or writing a file names, without a full stop."""
    if isinstance(error, PermissionError):
        # In a container the user is often one that a volume was not made for.
        return f"{error.strerror} to user {os.geteuid()}"
    if isinstance(error, OSError):
        return (error.strerror or str(error)).rstrip(".")
    # TensorFlow puts the file before the cause and its operation behind it.
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].split("; ")[-1].split(" [Op:")[0].rstrip(".")


def gfile(path) -> Any:
    """The functions of tf.io.gfile for a remote path."""
    if is_bucket(path):
        from files.buckets import file_system

        return file_system
    import tensorflow as tf

    return tf.io.gfile
