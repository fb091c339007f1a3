"""Files and folders that are there whole or not at all, whenever the process or machine stops.

What is being written lies beside its place, under a name that ends in `UNFINISHED`. A
killed process leaves that behind, and the next writer of the same place removes it.
"""

import contextlib
import os
import shutil
import tempfile
import threading
import uuid
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from files import locks, places
from files.buckets.addresses import is_bucket
from files.places import UNFINISHED, gfile, is_remote, opened

_NEXT_STEP = "Free some space or make the folder writable, then run again."
_COPIED_BYTES = 1 << 20
_PAUSE = 0.2  # seconds; a file that is written sooner is put on disk once


@contextlib.contextmanager
def whole_file(path) -> Iterator[str]:
    """Yields the path at which to write the file `path`.

    When the block ends, the file is on disk and gets its name, in place of one that was
    there. When the block raises, nothing is left of it. Of several writers each is whole,
    and the last one stays.

    Raises:
      OSError, or for a remote path tf.errors.OpError: it cannot be written.
    """
    path = os.fspath(path)
    if is_bucket(path):
        with tempfile.TemporaryDirectory(prefix="steadyfeed-") as folder:
            unfinished = os.path.join(folder, "object")
            yield unfinished
            _objects().upload(unfinished, path)
        return
    _make_folder_of(path)
    if is_remote(path):
        # An object exists once it is complete: a kill leaves nothing of this name.
        with _published(f"{path}.{uuid.uuid4().hex}{UNFINISHED}", path) as unfinished:
            yield unfinished
        return
    unfinished = f"{path}{UNFINISHED}"
    # Whoever has waited for the lock gets a new file: the one before has its name by then.
    with locks.hold(unfinished, named=False), _published(unfinished, path):
        yield unfinished


@contextlib.contextmanager
def large_file(path) -> Iterator[BinaryIO]:
    """Opens the file `path` for writing; otherwise like `whole_file`.

    A local file goes to the disk while it is written. Systems keep gigabytes until somebody
    waits for them, who then waits for the whole file.
    """
    with contextlib.ExitStack() as stack:
        unfinished = stack.enter_context(whole_file(path))
        file = stack.enter_context(opened(unfinished, "wb"))
        if not is_remote(path):
            stack.enter_context(_synced_meanwhile(unfinished))
        yield file


@contextlib.contextmanager
def _synced_meanwhile(path: str) -> Iterator[None]:
    ended, failed = threading.Event(), []

    def sync_now_and_then():
        try:
            while not ended.wait(_PAUSE):
                _sync(path)
        except OSError as error:
            failed.append(error)  # The system reports it once, and so not to who syncs later.

    thread = threading.Thread(target=sync_now_and_then, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
    if failed:
        raise failed[0]


@contextlib.contextmanager
def whole_folder(path) -> Iterator[str]:
    """Yields the path at which to make the folder `path`; otherwise like `whole_file`.

    One process at a time makes a folder, and it replaces no other.
    """
    path = os.fspath(path)
    _make_folder_of(path)
    remove(f"{path}{UNFINISHED}")
    with _published(f"{path}{UNFINISHED}", path) as unfinished:
        yield unfinished


def write(path, content: str | bytes, next_step: str = _NEXT_STEP) -> None:
    """Puts `content` (text as UTF-8) at `path` in one step; missing folders are made.

    Raises:
      Failure: it cannot be written; what was there before is still there.
    """
    data = content.encode() if isinstance(content, str) else content
    with (
        reported(path, next_step),
        whole_file(path) as unfinished,
        opened(unfinished, "wb") as file,
    ):
        file.write(data)


def publish(unfinished, path) -> None:
    """Gives a complete file or folder its name, once all of it is on disk.

    On a disk that is one step. A bucket knows no folders: its objects get their names one
    by one.

    Raises:
      OSError, or for a remote path tf.errors.OpError: also where a folder of that name exists.
    """
    if is_remote(path):
        gfile(path).rename(str(unfinished), str(path), overwrite=True)
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


def sync_folder(path) -> None:
    """Waits until the names in a local folder are on disk, whose files are there already."""
    _sync(path)


def make_folder(path) -> None:
    """Makes the folder `path` and those above it, where they are missing."""
    if is_remote(path):
        gfile(path).makedirs(str(path))
    else:
        os.makedirs(path, exist_ok=True)


def _make_folder_of(path: str) -> None:
    folder = os.path.dirname(path) or "."
    # Of "ram://file" it is "ram:", which on this disk would be a folder.
    if is_remote(folder) or not is_remote(path):
        make_folder(folder)


def remove(path) -> None:
    """Removes the file or folder `path`, if there is one."""
    path = os.fspath(path)
    if not is_remote(path):
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        else:
            with contextlib.suppress(FileNotFoundError):
                os.remove(path)
    elif gfile(path).isdir(path):
        gfile(path).rmtree(path)
    elif gfile(path).exists(path):
        gfile(path).remove(path)


def remove_at_once(folder: str, leaving: str) -> None:
    """Removes a local folder, so that a kill in the middle leaves no half of it under its name.

    Args:
      leaving: the name that it has meanwhile; what a kill has left there goes too.
    """
    shutil.rmtree(leaving, ignore_errors=True)
    with contextlib.suppress(FileNotFoundError):  # Another process was faster.
        os.rename(folder, leaving)
    shutil.rmtree(leaving, ignore_errors=True)


def copy_files(source, target, paths: Iterable[str]) -> None:
    """Copies files to another folder, each of them whole and on disk before the next.

    Args:
      source, target: folders, local or remote; `target` is made if missing.
      paths: relative to `source`, in the order in which they are to appear.

    Raises:
      OSError, or for a remote path tf.errors.OpError.
    """
    for path in paths:
        _copy_file(os.path.join(source, path), os.path.join(target, path))


def link(source, target) -> None:
    """Gives a file that is whole and never written to again another name, in one step.

    Where the file system cannot have both names of one file, `target` is a copy.

    Raises:
      OSError, or for a remote path tf.errors.OpError.
    """
    if not is_remote(source) and not is_remote(target):
        make_folder(os.path.dirname(target) or ".")
        unfinished = f"{target}.{uuid.uuid4().hex}{UNFINISHED}"
        with contextlib.suppress(OSError):
            os.link(source, unfinished)
            os.replace(unfinished, target)
            return
    _copy_file(source, target)


def reported(path, next_step: str = _NEXT_STEP) -> contextlib.AbstractContextManager:
    """Turns an error of writing `path`, in the block, into a SurroundingsFailure with its cause."""
    return places.reported(f"{path} cannot be written", next_step)


def _copy_file(source: str, target: str) -> None:
    if is_bucket(target) and not is_remote(source):
        _objects().upload(source, target)
    elif is_bucket(target) and source.partition("://")[0] == target.partition("://")[0]:
        _objects().copy(source, target)
    elif is_bucket(source):
        with whole_file(target) as unfinished:
            _objects().fetch(source, unfinished)
    else:
        with (
            whole_file(target) as unfinished,
            opened(source) as data,
            opened(unfinished, "wb") as copy,
        ):
            shutil.copyfileobj(data, copy, _COPIED_BYTES)


def _objects():
    from files.buckets import objects

    return objects


@contextlib.contextmanager
def _published(unfinished: str, path: str) -> Iterator[str]:
    try:
        yield unfinished
        publish(unfinished, path)
    except BaseException:
        with contextlib.suppress(Exception):  # The first error is the one to report.
            remove(unfinished)
        raise


def _sync(path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
