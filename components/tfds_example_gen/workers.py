"""Writes all shards of a run, several at once: in threads, or wherever Beam runs."""

import logging
import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor, as_completed

import apache_beam as beam
import tensorflow as tf

from components.tfds_example_gen import records, shards
from components.tfds_example_gen.splits import TFRECORD, Shard
from failures import Failure

_progress = logging.getLogger("steadyfeed.progress")


def write_all(
    work: Sequence[Shard], make_pipeline: Callable[[], beam.Pipeline] | None = None
) -> None:
    """Writes shards; where it fails, nothing of any is left.

    Args:
        work: What to write. Their folders are emptied first: a killed attempt at the same
            artifact may have left files there.
        make_pipeline: Makes the Beam pipeline whose runner writes; None for threads.

    Raises:
        Failure: A record cannot be read, or a file cannot be written.
    """
    folders = {os.path.dirname(shard.path) for shard in work}
    _remove(folders)
    try:
        for folder in folders:
            tf.io.gfile.makedirs(folder)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            offsets = _offsets(work, pool)
            if make_pipeline:
                _write_in_beam(work, offsets, make_pipeline())
            else:
                _write_in_threads(work, offsets, pool)
    except BaseException:
        _remove(folders)
        raise


def _write_in_threads(work: Sequence[Shard], offsets: Sequence[int], pool: Executor) -> None:
    pending = [pool.submit(shards.write, *one) for one in zip(work, offsets, strict=True)]
    try:
        for done, future in enumerate(as_completed(pending), start=1):
            future.result()
            completed = {"completed": done / len(work)}
            _progress.info("shard %d of %d", done, len(work), extra=completed)
    except BaseException:
        pool.shutdown(cancel_futures=True)
        raise


def _write_in_beam(work: Sequence[Shard], offsets: Sequence[int], pipeline: beam.Pipeline) -> None:
    try:
        with pipeline:
            _ = (
                pipeline
                | "Shards" >> beam.Create(list(zip(work, offsets, strict=True)))
                | "Spread" >> beam.Reshuffle()
                | "Write" >> beam.MapTuple(shards.write)
            )
    except Exception as error:
        # Beam wraps what a worker raises, on some runners into nothing but text.
        found = re.search(r"Failure: (.+?)(?: \[while running|\\n|\n|$)", str(error))
        if found:
            raise Failure(found[1]) from error
        raise


def _offsets(work: Sequence[Shard], pool: Executor) -> list[int]:
    """Returns at which byte the records of each shard begin; each source is walked once."""
    skips = defaultdict(set)
    for shard in work:
        if shard.file_format == TFRECORD:
            skips[shard.piece.path].add(shard.piece.skip)
    found = dict(zip(skips, pool.map(records.offsets, skips, skips.values()), strict=True))
    return [found.get(one.piece.path, {}).get(one.piece.skip, 0) for one in work]


def _remove(folders: Iterable[str]) -> None:
    for folder in folders:
        if tf.io.gfile.exists(folder):
            tf.io.gfile.rmtree(folder)
