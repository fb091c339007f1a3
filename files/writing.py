"""Files and folders that are there whole or not at all, whenever the process or machine stops.

What is being written lies beside its place, under a name that ends in `UNFINISHED`. A
killed process leaves that behind, and the next writer of the same place removes it. One
process at a time writes a place; where several might, they hold a lock (see `locks`).
"""

import contextlib
import os
import shutil
from collections.abc import Iterable, Iterator

from failures import Failure
from files.places import files_below, gfile, is_file_error, is_remote, opened, why

UNFINISHED = ".unfinished"
_NEXT_STEP = "Free some space or make the folder writable, then run again."
_COPIED_BYTES = 1 << 20


@contextlib.contextmanager
def whole(path) -> Iterator[str]:
    """Yields the path under which to make the file or folder `path`.

    When the block ends, everything made there is on disk and gets its name, replacing a
    file that was there. When it raises, nothing made there is left.

    Raises:
      OSError, or for a remote path tf.errors.OpError: it cannot be written.
    """
    path = os.fspath(path)
    unfinished = f"{path}{UNFINISHED}"
    make_folder(os.path.dirname(path) or ".")
    remove(unfinished)
    try:
        yield unfinished
        publish(unfinished, path)
    except BaseException:
        with contextlib.suppress(Exception):  # The first error is the one to report.
            remove(unfinished)
        raise


def write(path, content: str | bytes, next_step: str = _NEXT_STEP) -> None:
    """Puts `content` (text as UTF-8) at `path` in one step; missing folders are made.

    Raises:
      Failure: it cannot be written; what was there before is still there.
    """
    with reported(path, next_step), whole(path) as unfinished, opened(unfinished, "wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)


def publish(unfinished, path) -> None:
    """Gives a complete file or folder its name, once all of it is on disk.

    On a disk that is one step. A bucket knows no folders: its objects get their names one
    by one.

    Raises:
      OSError, or for a remote path tf.errors.OpError: also where a folder of that name exists.
    """
    if is_remote(path):
        gfile().rename(str(unfinished), str(path), overwrite=True)
        return
    sync(unfinished)
    os.replace(unfinished, path)
    _sync(os.path.dirname(path) or ".")


def sync(path) -> None:
    """Waits until a local file, or a folder with all below it, is on disk.

    Otherwise its name could outlive its content in a power failure.
    """
    for place, _, names in os.walk(path):
        for name in names:
            _sync(os.path.join(place, name))
        _sync(place)
    if os.path.isfile(path):
        _sync(path)


def make_folder(path) -> None:
    """Makes the folder `path` and those above it, where they are missing."""
    if is_remote(path):
        gfile().makedirs(str(path))
    else:
        os.makedirs(path, exist_ok=True)


def remove(path) -> None:
    """Removes the file or folder `path`, if there is one."""
    path = os.fspath(path)
    if not is_remote(path):
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        else:
            with contextlib.suppress(FileNotFoundError):
                os.remove(path)
    elif gfile().isdir(path):
        gfile().rmtree(path)
    elif gfile().exists(path):
        gfile().remove(path)


def copy_folder(source, target, last: Iterable[str] = ()) -> None:
    """Copies all files below `source` to `target`, each of them whole.

    Args:
      source, target: folders, local or remote; `target` is made if missing.
      last: paths relative to `source` that are copied after all others, so that whoever
        finds them finds the rest as well.

    Raises:
      OSError, or for a remote path tf.errors.OpError.
    """
    last = set(last)
    for path in sorted(files_below(source), key=lambda path: (path in last, path)):
        with (
            whole(os.path.join(target, path)) as unfinished,
            opened(os.path.join(source, path)) as data,
            opened(unfinished, "wb") as copy,
        ):
            shutil.copyfileobj(data, copy, _COPIED_BYTES)


@contextlib.contextmanager
def reported(path, next_step: str = _NEXT_STEP) -> Iterator[None]:
    """Turns an error of writing `path`, in the block, into a Failure with its cause."""
    try:
        yield
    except Exception as error:
        if not is_file_error(error):
            raise
        raise Failure(f"{path} cannot be written: {why(error)}. {next_step}") from error


def _sync(path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
