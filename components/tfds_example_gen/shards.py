"""Writes one shard, so that its file is either whole or recognisably unfinished."""

import contextlib
import os
from collections.abc import Iterator

import tensorflow as tf

from components.tfds_example_gen import other_formats, records
from components.tfds_example_gen.preparation import first_line
from components.tfds_example_gen.splits import TFRECORD, Shard
from failures import Failure

_UNFINISHED = ".unfinished"


def write(shard: Shard, offset: int) -> int:
    """Copies the shard's records into its file, verifying each of them.

    The file appears under its name only when it is whole and on the disk.

    Args:
        shard: What to write, and where to; its folder exists.
        offset: Byte at which its records begin in the source, for TFRecords.

    Returns:
        How many records were written.

    Raises:
        Failure: A record cannot be read, or the file cannot be written.
    """
    unfinished = shard.path + _UNFINISHED
    count = 0
    try:
        with tf.io.gfile.GFile(unfinished, "wb") as file:
            for run, size in _runs(shard, offset):
                file.write(run)
                count += size
        _sync(unfinished)
        tf.io.gfile.rename(unfinished, shard.path, overwrite=True)
    except BaseException as error:
        with contextlib.suppress(tf.errors.OpError):
            tf.io.gfile.remove(unfinished)
        if isinstance(error, tf.errors.OpError | OSError):
            raise Failure(
                f"{shard.path} cannot be written: {first_line(error)}. Free space or correct the "
                "permissions there, then run again."
            ) from error
        raise
    return count


def _runs(shard: Shard, offset: int) -> Iterator[tuple[bytes, int]]:
    piece = shard.piece
    if shard.file_format == TFRECORD:
        return records.verified_runs(piece.path, offset, piece.take, piece.to_end)
    return other_formats.verified_runs(
        piece.path, piece.skip, piece.take, piece.to_end, shard.file_format
    )


def _sync(path: str) -> None:
    """Has a local file written to the disk, so that its name never outlives its content."""
    if "://" not in path:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
