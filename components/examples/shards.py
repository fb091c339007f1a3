"""Writes the TFRecord files of splits: all are whole, or none is there."""

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from components.engine import Engine, run_shards
from components.usable_cores import usable_cores
from files import writing
from files.places import opened
from files.writing import reported, whole_file


def write_shard(path: str, runs: Iterable[bytes]) -> int:
    """Writes one shard of bytes that are whole TFRecords; raises Failure as `shard_writer`.

    Returns:
      How many runs of bytes there were.
    """
    count = 0
    with shard_writer(path) as write:
        for run in runs:
            write(run)
            count += 1
    return count


@contextlib.contextmanager
def shard_writer(path: str) -> Iterator[Callable[[bytes], Any]]:
    """Writes one shard; it appears under its name only when it is whole and on the disk.

    Yields:
      A function that appends bytes, which are whole TFRecords.

    Raises:
      Failure: the file cannot be written.
    """
    with (
        reported(path, "Free space or correct the permissions there, then run again."),
        whole_file(path) as unfinished,
        opened(unfinished, "wb") as file,
    ):
        yield file.write


@contextlib.contextmanager
def all_or_none(paths: Iterable[str]) -> Iterator[None]:
    """Empties the folders of these shards, and again where the block fails.

    A killed attempt at the same artifact may have left files there.
    """
    folders = {os.path.dirname(path) for path in paths}
    for folder in folders:
        writing.remove(folder)
    try:
        yield
    except BaseException:
        for folder in folders:
            writing.remove(folder)
        raise


def write_all(
    write: Callable[[Any], Any],
    shards: Sequence[Any],
    uri: str,
    engine: Engine | None = None,
) -> list[Any]:
    """Writes shards, several at once: in threads, or on the workers of an engine.

    Args:
      write: writes one shard; as the work of `run_shards`.
      shards: what it is called with.
      uri: folder of the artifact.
      engine: which writes; None for threads.

    Returns:
      What `write` returned for each.

    Raises:
      Failure: what `write` raises, or the engine failed.
    """
    reports = f"{uri}/unfinished"
    try:
        return list(run_shards(write, shards, reports, engine, threads=usable_cores()))
    finally:
        writing.remove(reports)
