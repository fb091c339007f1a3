"""Has TFDS prepare a dataset, with what a run needs around that."""

import contextlib
import errno
import fcntl
import io
import logging
import os
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import tensorflow as tf
import tensorflow_datasets as tfds
from etils import epath

from components.failure import Failure

_STALE_SECONDS = 3600  # nobody has written into what is older than that
_REACH_SECONDS = 10

_progress = logging.getLogger("steadyfeed.progress")


def command(builder: tfds.core.DatasetBuilder, data_dir: str) -> str:
    """Returns the command by which TFDS prepares a dataset into `data_dir`."""
    config = f"/{builder.builder_config.name}" if builder.builder_config else ""
    return f"tfds build {builder.name}{config}:{builder.version} --data_dir={data_dir}"


def prepare(builder: tfds.core.DatasetBuilder, data_dir: str, embedded: bool) -> None:
    """Prepares a dataset; it appears in `data_dir` only when it is whole.

    Args:
        builder: What to prepare.
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
        with _only_one(builder, data_dir), contextlib.redirect_stdout(io.StringIO()):
            _remove_leftovers(builder, stale_seconds=0 if embedded else _STALE_SECONDS)
            builder.download_and_prepare(
                # The copies of datasets that Google hosts are looked for on the network.
                download_config=tfds.download.DownloadConfig(try_download_gcs=not embedded)
            )
    except Exception as error:  # a builder's own code raises what it likes
        raise _failure(builder, data_dir, error) from error


def _check_network(builder: tfds.core.DatasetBuilder, data_dir: str) -> None:
    """Fails at once where TFDS would retry a dead network for minutes."""
    url = next(iter(builder.url_infos), "")
    if not url.startswith(("http://", "https://")):
        return
    try:
        urllib.request.urlopen(
            urllib.request.Request(url, method="HEAD"), timeout=_REACH_SECONDS
        ).close()
    except urllib.error.HTTPError:
        return  # an answer, even if it is no: TFDS will say more
    except OSError as error:
        host = url.split("/")[2]
        raise _no_network(builder, data_dir, host) from error


def _no_network(builder: tfds.core.DatasetBuilder, data_dir: str, host: str) -> Failure:
    return Failure(
        f"Dataset {builder.info.full_name} is not prepared in {data_dir}, and {host} cannot be "
        f"reached to download it. On a machine with a network run `{command(builder, 'DIR')}`, "
        f"then copy DIR/{builder.name} to {os.path.join(data_dir, builder.name)}."
    )


@contextlib.contextmanager
def _only_one(builder: tfds.core.DatasetBuilder, data_dir: str) -> Iterator[None]:
    """Has processes that share a local `data_dir` prepare a dataset one after the other."""
    if "://" in data_dir:
        yield
        return
    os.makedirs(data_dir, exist_ok=True)
    with open(os.path.join(data_dir, f".{builder.name}.lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # given back by the system when a process dies
        yield


def _remove_leftovers(builder: tfds.core.DatasetBuilder, stale_seconds: float) -> None:
    """Removes what killed processes left behind while they prepared this dataset."""
    folder = epath.Path(builder.data_dir).parent
    if not folder.exists():
        return
    for leftover in folder.glob(f"incomplete.*_{builder.version}"):
        written = max(one.stat().mtime for one in (leftover, *leftover.iterdir()))
        if time.time() - written >= stale_seconds:
            leftover.rmtree()


def _failure(builder: tfds.core.DatasetBuilder, data_dir: str, error: Exception) -> Failure:
    name = builder.info.full_name
    if isinstance(error, Failure):
        return error
    if isinstance(error, ConnectionError | TimeoutError):
        return _no_network(builder, data_dir, "the network")
    full = getattr(error, "errno", None) == errno.ENOSPC
    if full or isinstance(error, tf.errors.ResourceExhaustedError):
        return Failure(
            f"Dataset {name} cannot be prepared: no space is left in {data_dir}. Free some, or "
            "name another folder as data_dir."
        )
    if isinstance(error, PermissionError | tf.errors.PermissionDeniedError):
        return Failure(
            f"Dataset {name} cannot be prepared: {data_dir} is not writable. Correct its "
            "permissions, or name another folder as data_dir."
        )
    reason = str(error).strip().splitlines()[0] if str(error).strip() else "no reason given"
    return Failure(
        f"Dataset {name} cannot be prepared by TFDS: {type(error).__name__}: {reason}. Try "
        f"`{command(builder, data_dir)}` and read what it says."
    )
