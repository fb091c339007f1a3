"""Writes one TFRecord file of a split; a process that only does that imports little."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from files.writing import large_file, reported


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
        large_file(path) as file,
    ):
        yield file.write
