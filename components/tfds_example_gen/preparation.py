"""Has TFDS prepare a dataset, with what a run needs around that."""

import contextlib
import errno
import logging
import os
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import tensorflow as tf
import tensorflow_datasets as tfds
from etils import epath
from tensorflow_datasets.core import constants

from failures import Failure
from files import writing
from files.locks import InUse, hold
from files.places import is_remote

_STALE_SECONDS = 3600  # no process still writes what is older than that
_LOOK_SECONDS = 0.1
_REACH_SECONDS = 10

_progress = logging.getLogger("steadyfeed.progress")


def command(builder: tfds.core.DatasetBuilder, data_dir: str) -> str:
    """Returns the command by which TFDS prepares a dataset into `data_dir`."""
    config = f"/{builder.builder_config.name}" if builder.builder_config else ""
    return f"tfds build {builder.name}{config}:{builder.version} --data_dir={data_dir}"


def prepare(builder: tfds.core.DatasetBuilder, data_dir: str, embedded: bool) -> None:
    """Prepares a dataset; it appears in `data_dir` only when it is whole.

    Args:
        data_dir: The folder of all datasets.
        embedded: Whether the dataset is made here, without a download.

    Raises:
        Failure: There is no network, no space, no permission, or TFDS cannot prepare it.
    """
    if not embedded:
        _check_network(builder, data_dir)
    _progress.info("preparing %s", builder.info.full_name)
    tfds.disable_progress_bar()
    try:
        # TFDS prints what it does, between the answers of a verb that prints some.
        with _only_one(builder.name, data_dir), contextlib.redirect_stdout(sys.stderr):
            _remove_noted(builder.name, data_dir)
            _remove_leftovers(builder, stale_seconds=0 if embedded else _STALE_SECONDS)
            with _noted(builder, data_dir):
                builder.download_and_prepare(
                    # The copies of datasets that Google hosts are looked for on the network.
                    download_config=tfds.download.DownloadConfig(try_download_gcs=not embedded)
                )
    except Exception as error:  # a builder's own code raises what it likes
        raise _failure(builder, data_dir, embedded, error) from error


def flaw(folder: epath.PathLike) -> str:
    """Returns what a prepared dataset's folder lacks; nothing if it is whole or not there."""
    folder = epath.Path(folder)
    if not folder.exists():
        return ""
    try:
        splits = tfds.builder_from_directory(folder).info.splits.values()
    except Exception as error:  # damaged JSON: each reader of it raises something else
        return first_line(error)
    expected = [path.name for split in splits for path in split.filepaths]
    present = {path.name for path in folder.iterdir()}
    missing = [name for name in expected if name not in present]
    return f"it lacks {missing[0]}" if missing else "" if expected else "it lacks its splits"


def discard(name: str, version: str, data_dir: str) -> None:
    """Removes half a copy of an embedded dataset, which takes a second to make again."""
    folder = epath.Path(data_dir) / name / version
    with _only_one(name, data_dir):
        if flaw(folder):  # still: another process may have made it whole
            folder.rmtree()


def remove_killed(name: str, data_dir: str) -> None:
    """Removes what a process of ours was preparing of a dataset when it was killed, if it may."""
    if is_remote(data_dir) or not os.path.exists(_note_of(name, data_dir)):
        return
    with contextlib.suppress(InUse, OSError), hold(_lock_of(name, data_dir), wait=False):
        _remove_noted(name, data_dir)


def first_line(error: Exception) -> str:
    """Returns the exception's kind and what it says, for a message of one line."""
    return f"{type(error).__name__}: {(str(error).strip() or 'no reason given').splitlines()[0]}"


def _check_network(builder: tfds.core.DatasetBuilder, data_dir: str) -> None:
    """Fails at once where TFDS would retry a dead network for minutes."""
    url = next(iter(builder.url_infos or ()), "")
    if not url.startswith(("http://", "https://")) or _downloaded(builder, data_dir):
        return
    try:
        urllib.request.urlopen(
            urllib.request.Request(url, method="HEAD"), timeout=_REACH_SECONDS
        ).close()
    except urllib.error.HTTPError:
        return  # The host answers, if only with an error; TFDS will report that.
    except OSError as error:
        host = url.split("/")[2]
        raise _no_network(builder, data_dir, host) from error


def _downloaded(builder: tfds.core.DatasetBuilder, data_dir: str) -> bool:
    """Whether an earlier attempt, or a copy from elsewhere, has left finished downloads."""
    folder = epath.Path(data_dir) / "downloads" / builder.name
    return folder.exists() and any(".tmp." not in path.name for path in folder.iterdir())


def _no_network(builder: tfds.core.DatasetBuilder, data_dir: str, host: str) -> Failure:
    return Failure(
        f"Dataset {builder.info.full_name} is not prepared in {data_dir}, and {host} cannot be "
        f"reached to download it. On a machine with a network run `{command(builder, 'DIR')}`, "
        f"then copy DIR/{builder.name} to {os.path.join(data_dir, builder.name)}."
    )


def _only_one(name: str, data_dir: str) -> contextlib.AbstractContextManager:
    """Has processes that share a local `data_dir` prepare a dataset one after the other."""
    if is_remote(data_dir):
        return contextlib.nullcontext()
    os.makedirs(data_dir, exist_ok=True)
    return hold(_lock_of(name, data_dir))


def _lock_of(name: str, data_dir: str) -> str:
    return os.path.join(data_dir, f".{name}.lock")


def _note_of(name: str, data_dir: str) -> str:
    """Where the folder is named that TFDS fills for the holder of the lock."""
    return os.path.join(data_dir, f".{name}.preparing")


@contextlib.contextmanager
def _noted(builder: tfds.core.DatasetBuilder, data_dir: str) -> Iterator[None]:
    """Notes which folder TFDS fills: a kill leaves it, as large as the dataset."""
    if is_remote(data_dir):
        yield
        return
    note, ended = _note_of(builder.name, data_dir), threading.Event()

    def look():
        # TFDS chooses the name when it begins, and tells it to nobody.
        while not ended.wait(_LOOK_SECONDS):
            folder = os.path.relpath(builder.data_dir, data_dir)
            if os.path.basename(folder).startswith(constants.INCOMPLETE_PREFIX):
                with contextlib.suppress(Failure):  # TFDS will report what is wrong with the disk.
                    writing.write(note, folder)
                return

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        writing.remove(note)


def _remove_noted(name: str, data_dir: str) -> None:
    """Removes what the last holder of the lock, which the caller holds, was killed in."""
    note = _note_of(name, data_dir)
    if is_remote(data_dir) or not os.path.exists(note):
        return
    with open(note) as file:
        folder = file.read()
    if os.path.basename(folder).startswith(constants.INCOMPLETE_PREFIX):
        writing.remove(os.path.join(data_dir, folder))
    writing.remove(note)


def _remove_leftovers(builder: tfds.core.DatasetBuilder, stale_seconds: float) -> None:
    """Removes what others, such as `tfds build`, left of this dataset when they were killed."""
    folder = epath.Path(builder.data_dir).parent
    if not folder.exists():
        return
    for leftover in folder.glob(f"{constants.INCOMPLETE_PREFIX}*_{builder.version}"):
        with contextlib.suppress(FileNotFoundError):  # its writer lives, and has finished
            written = max(one.stat().mtime for one in (leftover, *leftover.iterdir()))
            if time.time() - written >= stale_seconds:
                leftover.rmtree()


def _failure(
    builder: tfds.core.DatasetBuilder, data_dir: str, embedded: bool, error: Exception
) -> Failure:
    name = builder.info.full_name
    causes = list(_causes(error))
    if any(isinstance(one, ConnectionError | TimeoutError | socket.gaierror) for one in causes):
        return _no_network(builder, data_dir, "the network")
    if any(
        isinstance(one, tf.errors.ResourceExhaustedError)
        or getattr(one, "errno", None) == errno.ENOSPC
        for one in causes
    ):
        return Failure(
            f"Dataset {name} cannot be prepared: no space is left in {data_dir}. Free some, or "
            "name another folder as data_dir."
        )
    if any(isinstance(one, PermissionError | tf.errors.PermissionDeniedError) for one in causes):
        return Failure(
            f"Dataset {name} cannot be prepared: {data_dir} is not writable. Correct its "
            "permissions, or name another folder as data_dir."
        )
    way_on = (
        "Name another folder as data_dir."
        if embedded
        else f"Run `{command(builder, data_dir)}` and read what it says."
    )
    return Failure(
        f"Dataset {name} cannot be prepared by TFDS: {first_line(error).rstrip('.')}. {way_on}"
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yields an exception and those that it stems from: TFDS wraps what it meets."""
    while error:
        yield error
        error = error.__cause__ or error.__context__
