"""The disk strategy: decodes examples once to a local disk and streams them from there.

The cache is a folder of files of a few megabytes.  One call reads each file, so an epoch reads
them in a new order at the disk's full speed.  A folder gets its final name only when it is
complete; a killed build leaves a folder of another name, which the next build removes.  A build
also removes caches of older versions of its source and caches that were not used for a week,
unless a process still reads them.
"""

import contextlib
import dataclasses
import hashlib
import json
import logging
import os
import time
from pathlib import Path
from typing import BinaryIO

import numpy as np
import tensorflow as tf

from components import graph_error
from components.trainer.input.features import Feature
from components.trainer.input.source import Source, cores, traced
from failures import Failure
from files import writing
from files.locks import InUse, hold

_FORMAT = 2
_DESCRIPTION = "description.json"
_BLOCK_BYTES = 4 << 20  # one file: large enough for the disk, small beside the shuffle buffer
_KEPT_SECONDS = 7 * 24 * 3600  # how long an unused cache is kept
_READS_AT_ONCE = 4  # a disk is fastest with a few requests queued

_progress = logging.getLogger("steadyfeed.progress")


def cached(source: Source, folder: str) -> Source:
    """The examples of `source`, decoded, from a cache below `folder`.

    When several processes ask at once, one builds the cache and the others wait for it.

    Raises:
      Failure: the folder cannot be written, the disk is full, or the source is damaged.
    """
    cache, rows_a_block = _cache(source, folder), _rows_a_block(source)
    try:
        cache.parent.mkdir(parents=True, exist_ok=True)
        # Other processes see this lock until this process releases it or ends.
        used = hold(cache.with_suffix(".used"), shared=True)
        with _alone(cache):
            examples = _whole(cache, rows_a_block, source.row_bytes)
            if examples is None:
                _remove_unwanted(cache, source)
                examples = _build(source, cache, rows_a_block)
            os.utime(cache / _DESCRIPTION)
    except tf.errors.OpError as error:
        raise source.explain(error) from error
    except OSError as error:
        raise Failure(
            f"The input cache in {folder} cannot be written: {error.strerror}. Name a folder on "
            f"a local disk with {source.at_most * source.row_bytes:,} bytes free, or set the "
            "input strategy to streaming."
        ) from error
    blocks = -(-examples // rows_a_block)

    def elements(seed, used=used):  # Holds the lock for as long as the source lives.
        return _rows(cache, blocks, source.features, seed)

    return dataclasses.replace(
        source,
        elements=elements,
        decode=lambda *rows: rows,
        at_most=examples,
        count=lambda: examples,
        explain=lambda error: Failure(
            f"The input cache {cache} cannot be read: {graph_error.cause(error, 'damaged')}. "
            "Delete the folder and start again."
        ),
    )


def bytes_to_write(source: Source, folder: str) -> int:
    """The bytes still to write for `source`'s cache below `folder`; 0 if it is complete.

    First removes whatever a build would remove, so that it does not take up free space.
    """
    cache = _cache(source, folder)
    unfinished = cache.with_suffix(writing.UNFINISHED)
    try:
        if _whole(cache, _rows_a_block(source), source.row_bytes) is not None:
            return 0
        _remove_unwanted(cache, source)
        if unfinished.exists():
            _remove(unfinished, unless_locked=cache.with_suffix(".lock"))
        kept = [*unfinished.glob("*"), *cache.glob("*")]  # A damaged cache is rebuilt.
        written = sum(file.stat().st_size for file in kept)
    except OSError:
        written = 0  # `cached` reports what is wrong with the folder.
    return source.at_most * source.row_bytes - written


def _cache(source: Source, folder: str) -> Path:
    shapes = [(feature.name, feature.shape, feature.dtype) for feature in source.features]
    key = json.dumps([_FORMAT, source.identity, shapes])
    return Path(folder) / hashlib.sha256(key.encode()).hexdigest()[:16]


def _rows_a_block(source: Source) -> int:
    return max(1, _BLOCK_BYTES // source.row_bytes)


def _alone(cache: Path) -> BinaryIO:
    """Locks out other processes that build the cache: `with _alone(cache): …`."""
    lock = cache.with_suffix(".lock")
    try:
        return hold(lock, wait=False)
    except InUse as error:
        _progress.info("waiting for %s, which builds the input cache", error.holder)
        return hold(lock)


def _block(cache: Path, number: int) -> Path:
    return cache / f"{number}.rows"


def _whole(cache: Path, rows_a_block: int, row_bytes: int) -> int | None:
    """The number of examples in a complete cache; None if there is none."""
    try:
        examples = json.loads((cache / _DESCRIPTION).read_text())["examples"]
        for number in range(-(-examples // rows_a_block)):
            rows = min(rows_a_block, examples - number * rows_a_block)
            if _block(cache, number).stat().st_size != rows * row_bytes:
                return None
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
    return examples


def _remove_unwanted(cache: Path, source: Source) -> None:
    for description in cache.parent.glob(f"*/{_DESCRIPTION}"):
        other = description.parent
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            made_from = json.loads(description.read_text())["source"]
            outdated = made_from[0] == source.name and made_from[1] != source.identity
            if outdated or time.time() - description.stat().st_mtime > _KEPT_SECONDS:
                _remove(other, unless_locked=other.with_suffix(".used"))
    for unfinished in cache.parent.glob(f"*{writing.UNFINISHED}"):
        if unfinished != cache.with_suffix(writing.UNFINISHED):
            with contextlib.suppress(OSError):
                _remove(unfinished, unless_locked=unfinished.with_suffix(".lock"))


def _remove(folder: Path, unless_locked: Path) -> None:
    with contextlib.suppress(InUse), hold(unless_locked, wait=False):
        writing.remove(folder)


def _build(source: Source, cache: Path, rows_a_block: int) -> int:
    writing.remove(cache)  # A damaged one.
    # A failed build leaves nothing behind: a full disk must not stay full.
    with writing.whole_folder(cache) as unfinished:
        os.mkdir(unfinished)
        return _write_blocks(source, Path(unfinished), rows_a_block)


def _write_blocks(source: Source, unfinished: Path, rows_a_block: int) -> int:
    examples = 0
    for number, block in enumerate(source.chunks(rows_a_block)):
        _write(_block(unfinished, number), *(part.numpy() for part in block))
        examples += len(block[0])
        done = min(1.0, examples / source.at_most)
        _progress.info("building the input cache", extra={"completed": done})
    description = {"examples": examples, "source": [source.name, source.identity]}
    _write(unfinished / _DESCRIPTION, json.dumps(description).encode())
    return examples


def _write(path: Path, *parts: np.ndarray | bytes) -> None:
    with path.open("wb") as file:
        for part in parts:
            file.write(memoryview(part).cast("B"))


def _rows(
    cache: Path, blocks: int, features: tuple[Feature, ...], seed: tf.Tensor | None
) -> tf.data.Dataset:
    """Decoded examples, (*row_shape) a feature, block by block."""
    numbers = tf.range(blocks)
    if seed is not None:
        numbers = tf.random.experimental.stateless_shuffle(numbers, seed)

    @traced
    def read(number):
        name = tf.strings.join([str(cache), "/", tf.strings.as_string(number), ".rows"])
        return _split(tf.io.decode_raw(tf.io.read_file(name), tf.uint8), features)

    reads = max(_READS_AT_ONCE, cores())
    return tf.data.Dataset.from_tensor_slices(numbers).map(read, reads).unbatch()


def _split(block: tf.Tensor, features: tuple[Feature, ...]) -> tuple[tf.Tensor, ...]:
    """Splits a block, (bytes,) uint8, which stores its examples feature by feature."""
    examples = tf.size(block) // sum(feature.row_bytes for feature in features)
    parts = tf.split(block, [examples * feature.row_bytes for feature in features])
    return tuple(
        tf.reshape(part, (-1, feature.row_bytes))  # (rows, row) uint8
        if feature.dtype == "uint8"
        else tf.bitcast(tf.reshape(part, (-1, feature.row_bytes)), tf.int64)  # (rows,) int64
        for part, feature in zip(parts, features, strict=True)
    )
