"""Writes the TFRecord files of splits: all are whole, or none is there."""

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from components.engine import MakePipeline, run_shards
from files import writing
from files.places import exists, opened
from files.writing import reported, whole_file


def write_shard(path: str, runs: Iterable[bytes]) -> None:
    """Writes one shard of bytes that are whole TFRecords; raises Failure as `shard_writer`."""
    with shard_writer(path) as write:
        for run in runs:
            write(run)


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
    make_pipeline: MakePipeline | None = None,
) -> list[Any]:
    """Writes shards, several at once: in threads, or on the workers of a Beam runner.

    Args:
      write: writes one shard; as the work of `run_shards`.
      shards: what it is called with.
      uri: folder of the artifact.
      make_pipeline: makes the Beam pipeline whose runner writes; None for threads.

    Returns:
      What `write` returned for each.

    Raises:
      Failure: what `write` raises, or the runner lost a shard.
    """
    reports = f"{uri}/unfinished"
    try:
        return list(run_shards(write, shards, reports, make_pipeline, threads=os.cpu_count()))
    finally:
        writing.remove(reports)


def checked_count(shards: Sequence[tuple[str, int]], expected: int, source: str) -> int:
    """Counts what is in a split's shards: each has its name only when all of it is in it.

    Beam runners have been seen to lose records: that must stop a run, not pass unnoticed.

    Args:
      shards: the path of each, and the number of its records.
      expected: how many examples the source has.
      source: the source's name, for the message.
    """
    count = sum(records for path, records in shards if exists(path))
    if count != expected:
        raise RuntimeError(f"{count:,} examples are in {shards[0][0]}, {source} has {expected:,}")
    return count
