"""TFRecord shards whose records are read from any place on."""

import functools
import itertools
import os
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from components.trainer.input.each_file import of_each
from components.trainer.input.order import run_length
from components.trainer.input.source import traced
from components.usable_cores import usable_cores

FRAMING = 16  # bytes that a TFRecord adds to each record
_PIECES_AT_ONCE = 8
_RUNS_A_PIECE = 4
_READ_BYTES = 1 << 20


class Shards:
    """TFRecord files, not compressed.

    Args:
      files: their paths, local or remote.
      row_bytes: what a record takes of memory once it is decoded.
      stored_bytes: what one takes before that, on average; None: it is read from the files.
      record_bytes: maps a file to the size of each of its records with their framing, if all have
        the same one; None: sizes are read from the file. Several threads call it.
    """

    def __init__(
        self,
        files: Sequence[str],
        row_bytes: int,
        stored_bytes: int | None = 0,
        record_bytes: Callable[[str], int | None] = lambda file: None,
    ):
        self._files = list(files)
        self._row_bytes, self._stored_bytes = row_bytes, stored_bytes
        self._record_bytes = record_bytes

    @functools.cached_property
    def counts(self) -> tuple[int, ...]:
        """How many records each file has.

        Raises:
          tf.errors.DataLossError: a file ends within a record.
        """
        return tuple(len(ends) - 1 for ends in self._ends)

    @functools.cached_property
    def stored_bytes(self) -> int:
        """What an undecoded record takes of memory, on average."""
        if self._stored_bytes is not None:
            return self._stored_bytes
        return sum(int(ends[-1]) for ends in self._ends) // max(1, sum(self.counts))

    @functools.cached_property
    def _run(self) -> int:
        """How many records lie between two places that the index knows."""
        return run_length(max(self._row_bytes, self.stored_bytes))

    def read(self, part: tf.Tensor, first: tf.Tensor, count: tf.Tensor) -> tf.data.Dataset:
        """The records of file number `part` from number `first` on, `count` of them."""
        names, starts, begins = self._places
        number = begins[part] + first // self._run
        start = starts[number]
        records = tf.raw_ops.TFRecordDatasetV2(
            filenames=names[part][None],
            compression_type="",
            # What lies beyond the run is another piece's to read.
            buffer_size=tf.minimum(starts[number + 1] - start, _READ_BYTES),
            byte_offsets=start[None],
            metadata="",
        )
        records = tf.data.experimental.from_variant(records, tf.TensorSpec([], tf.string))
        return records.skip(first % self._run).take(count)

    def all(self) -> tf.data.Dataset:
        """All records, file after file, some of them read at once."""
        size = self._run * _RUNS_A_PIECE
        pieces = [
            (part, first, min(size, count - first))
            for part, count in enumerate(self.counts)
            for first in range(0, count, size)
        ]
        pieces = np.array(pieces, np.int64).reshape(-1, 3)
        # Whole pieces take turns, so the records come in the sequence of the pieces.
        return tf.data.Dataset.from_tensor_slices(pieces).interleave(
            traced(lambda piece: self.read(*tf.unstack(piece))),
            cycle_length=_PIECES_AT_ONCE,
            block_length=size,
            num_parallel_calls=min(_PIECES_AT_ONCE, usable_cores()),
            deterministic=True,
        )

    @functools.cached_property
    def _places(self) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """The files' names, the bytes at which runs start and files end, and where among these
        each file's are."""
        starts = [np.array([*e[: -1 : self._run], e[-1]], np.int64) for e in self._ends]
        begins = np.cumsum([0, *map(len, starts)])[:-1]
        with tf.init_scope(), tf.device("CPU"):
            return (
                tf.constant(self._files),
                tf.constant(np.concatenate(starts)),
                tf.constant(begins, tf.int64),
            )

    @functools.cached_property
    def _ends(self) -> list[Sequence[int]]:
        """Of each file: 0, and the bytes at which its records end."""
        return of_each(self._ends_in, self._files)

    def _ends_in(self, file: str) -> Sequence[int]:
        if size := self._record_bytes(file):
            return range(0, tf.io.gfile.stat(file).length + 1, size)
        # Not `files.tfrecords`: it needs google-crc32c, which the wheel does not, and
        # TensorFlow verifies the checksums when it reads.
        ends = _remote_ends(file) if "://" in file else _local_ends(file)
        return np.fromiter(itertools.chain([0], ends), np.int64)


def _local_ends(file: str):
    """The bytes at which the records of a local file end, by their lengths alone."""
    position, size = 0, os.path.getsize(file)
    with open(file, "rb", buffering=0) as stream:
        while header := stream.read(8):
            position += int.from_bytes(header, "little") + FRAMING
            if position > size:
                raise tf.errors.DataLossError(None, None, f"{file} ends within a record")
            stream.seek(position)
            yield position


def _remote_ends(file: str):
    lengths = tf.data.TFRecordDataset(file, buffer_size=_READ_BYTES).map(tf.strings.length)
    return itertools.accumulate(int(length) + FRAMING for length in lengths.as_numpy_iterator())
