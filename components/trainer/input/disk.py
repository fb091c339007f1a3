"""The disk strategy: reads runs of examples into windows, and gathers batches from these.

Transform's files are read in place.  Other examples are decoded once, into a file of the same
form.  A resumed training reads one window at most before its first batch.

Below `cache_dir`, each source has a folder, which gets its name only when the decoded file in
it is complete, or the checksums of the files read in place were verified.  A killed process
leaves a folder of another name, which the next one removes, with those of other files of the
same series and those that were not used for a week, unless a process still reads them.
"""

import contextlib
import dataclasses
import hashlib
import json
import logging
import os
import time
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
import tensorflow as tf

from components import graph_error
from components.trainer.input.epochs import Epochs
from components.trainer.input.features import aligned_rows
from components.trainer.input.python_calls import numpy_function
from components.trainer.input.source import Loading, Source, tf_data_options, traced
from components.transform.encoding import MESSAGE
from failures import Failure, SurroundingsFailure
from files import places, writing
from files.locks import InUse, hold
from files.strict_json import text_of

_FORMAT = 5
_ONCE_UNFINISHED = ".building"  # how earlier versions called what is being written
_DESCRIPTION, _EXAMPLES = "description.json", "examples.tfrecord"
_READS_AT_ONCE = 2
_KEPT_SECONDS = 7 * 24 * 3600  # how long an unused folder is kept

_progress = logging.getLogger("steadyfeed.progress")


def stored(source: Source, folder: str) -> Source:
    """The same examples in files to read `in_place`, verified or decoded below `folder`.

    When several processes ask at once, one does the work and the others wait for it.

    Raises:
      Failure: the folder cannot be written, the disk is full, or the source is damaged.
    """
    source, kept = _placed(source, folder)
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        lock, examples = _ready(source, kept)
    except (OSError, tf.errors.OpError) as error:
        raise SurroundingsFailure(
            f"The input cache in {folder} cannot be written: {places.why(error)}. Name a folder "
            f"on a local disk with {source.at_most * source.row_bytes:,} bytes free, or set the "
            "input strategy to streaming."
        ) from error
    source = dataclasses.replace(source, at_most=examples, lock=lock)
    if source.in_place:
        return source
    parts = source.parts()
    return dataclasses.replace(
        source,
        in_place=[(str(kept / _EXAMPLES), first) for first in np.cumsum([0, *parts])[:-1].tolist()],
        explain=lambda error: SurroundingsFailure(
            f"The input cache {kept} cannot be read: {graph_error.cause(error, 'damaged')}. "
            "Delete the folder and start again."
        ),
    )


def bytes_to_write(source: Source, folder: str) -> int:
    """The bytes still to write for `source` below `folder`; 0 if it can be read at once.

    First removes whatever `stored` would remove, so that it does not take up free space.
    """
    source, kept = _placed(source, folder)
    if source.in_place or _examples(source, kept) is not None:
        return 0
    written = 0  # `stored` reports what is wrong with the folder.
    with contextlib.suppress(OSError):
        _remove_unwanted(kept, source)
        # A damaged one is written again.
        left = [*kept.with_suffix(writing.UNFINISHED).glob("*"), *kept.glob("*")]
        written = sum(file.stat().st_size for file in left)
    return source.at_most * source.row_bytes - written


def is_ready(source: Source, folder: str) -> bool:
    """Whether `stored` has nothing to do."""
    return _examples(*_placed(source, folder)) is not None


def forget(source: Source, folder: str) -> None:
    """Removes what `stored` left below `folder`, unless a process still reads it."""
    _, kept = _placed(source, folder)
    _remove(kept)


@contextlib.contextmanager
def scratch(folder: str) -> Iterator[Path]:
    """A folder below `folder`, which is made if missing, for what goes when the block ends.

    What a killed process leaves of it is removed like an unfinished build.

    Raises:
      OSError: it cannot be written.
    """
    os.makedirs(folder, exist_ok=True)
    made = Path(folder, f"{uuid.uuid4().hex}{writing.UNFINISHED}")
    lock = made.with_suffix(".lock")
    with hold(lock):  # Others remove what nobody holds.
        try:
            made.mkdir()
            yield made
        finally:
            writing.remove(made)
            writing.remove(lock)


def _placed(source: Source, folder: str) -> tuple[Source, Path]:
    """The source, and the folder for it below `folder`."""
    disk = places.existing(folder).stat().st_dev
    if any(os.stat(file).st_dev != disk for file, _ in source.in_place):
        # Whoever names a folder on another disk has a quicker one.
        source = dataclasses.replace(source, in_place=())
    shapes = [(feature.name, feature.shape, feature.dtype) for feature in source.features]
    key = text_of([_FORMAT, source.identity, shapes, not source.in_place])
    return source, Path(folder) / hashlib.sha256(key.encode()).hexdigest()[:16]


def _ready(source: Source, kept: Path) -> tuple[BinaryIO, int]:
    """A lock that keeps the complete folder from being removed, and how many examples it has."""
    while True:
        lock = _held(kept.with_suffix(".lock"), shared=True)
        examples = _examples(source, kept)
        if examples is not None:
            os.utime(kept / _DESCRIPTION)
            return lock, examples
        lock.close()
        with _held(kept.with_suffix(".lock"), shared=False):
            if _examples(source, kept) is None:
                _remove_unwanted(kept, source)
                _make(source, kept)


def _held(lock: Path, shared: bool) -> BinaryIO:
    try:
        return hold(lock, shared, wait=False)
    except InUse as error:
        _progress.info("waiting for %s, which prepares the input", error.holder)
        return hold(lock, shared)


def _examples(source: Source, kept: Path) -> int | None:
    """The number of examples of a complete folder; None if there is none."""
    try:
        examples = json.loads((kept / _DESCRIPTION).read_text())["examples"]
        size = examples * source.form.record_bytes
        whole = source.in_place or (kept / _EXAMPLES).stat().st_size == size
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return examples if whole else None


def _remove_unwanted(kept: Path, source: Source) -> None:
    for description in kept.parent.glob(f"*/{_DESCRIPTION}"):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            made_from = json.loads(description.read_text())["source"]
            outdated = made_from[0] == source.series and made_from[1] != source.identity
            if outdated or time.time() - description.stat().st_mtime > _KEPT_SECONDS:
                _remove(description.parent)
    for suffix in (writing.UNFINISHED, _ONCE_UNFINISHED):
        for unfinished in kept.parent.glob(f"*{suffix}"):
            with contextlib.suppress(OSError):
                _remove(unfinished)


def _remove(folder: Path) -> None:
    with contextlib.suppress(InUse), hold(folder.with_suffix(".lock"), wait=False):
        writing.remove(folder)


def _make(source: Source, kept: Path) -> None:
    writing.remove(kept)  # A damaged one.
    # A failed build leaves nothing behind: a full disk must not stay full.
    with writing.whole_folder(kept) as unfinished:
        os.mkdir(unfinished)
        if source.in_place:
            examples = max(verifying(source), default=0)
        else:
            examples = max(copying(source, f"{unfinished}/{_EXAMPLES}"), default=0)
        description = {"examples": examples, "source": [source.series, source.identity]}
        Path(unfinished, _DESCRIPTION).write_text(text_of(description))


def verifying(source: Source) -> Iterator[int]:
    """Reads every record, so that TensorFlow verifies its checksum; yields how many were read.

    Raises:
      Failure: a record is damaged, or not of the source's form.
    """
    examples = 0
    records = source.elements().batch(source.chunk)
    records = records.with_options(tf_data_options(deterministic=True))
    for chunk in _read(source, records, "verifying the input's files"):
        if not source.form.are(chunk):
            raise Failure(
                f"{source.name} has records of several forms. Run the Transform again, or set the "
                "input strategy to streaming."
            )
        examples += len(chunk)
        yield examples


def copying(source: Source, file: str) -> Iterator[int]:
    """Writes the decoded examples to `file`; yields how many were written."""
    names, examples = [feature.name for feature in source.features], 0
    with tf.io.TFRecordWriter(file) as writer:
        for chunk in _read(source, source.chunks(), "building the input cache"):
            columns = dict(zip(names, (part.numpy() for part in chunk), strict=True))
            for record in source.form.encode_batch(columns):
                writer.write(record[MESSAGE].tobytes())
            examples += len(chunk[0])
            yield examples


def _read(source: Source, chunks: tf.data.Dataset, doing: str) -> Iterator:
    done = 0
    try:
        for chunk in chunks:
            yield chunk
            done += source.chunk
            _progress.info(doing, extra={"completed": min(1.0, done / source.at_most)})
    except tf.errors.OpError as error:
        raise source.explain(error) from error


def batches(source: Source, epochs: Epochs) -> Loading:
    """Batches of `stored` examples."""
    places, record = source.in_place, source.form.record_bytes  # Not the source: its lock ends.

    def load(pieces):
        return _load(places, record, pieces)

    @traced
    def read(pieces, numbers):
        window = numpy_function(load, [pieces], tf.uint8)
        return tf.ensure_shape(window, (None, record)), numbers

    @traced
    def gather(window, numbers):
        records = tf.gather(window, numbers)
        return tuple(f.restore(source.form.values(records, f.name)) for f in source.features)

    return epochs.cut(epochs.plans().map(read, _READS_AT_ONCE)), gather


def _load(places: Sequence[tuple[str, int]], record: int, pieces: np.ndarray) -> np.ndarray:
    """The records of `pieces`, (pieces, 3): (examples, record_bytes) uint8."""
    rows = aligned_rows(pieces[:, 2].sum(), record)
    filled = 0
    for part, first, count in pieces:
        target = memoryview(rows[filled : filled + count]).cast("B")
        name, begin = places[part]
        with open(name, "rb", buffering=0) as file:
            file.seek((begin + first) * record)
            if file.readinto(target) != len(target):
                raise ValueError(f"{name} has become shorter")
        filled += count
    return rows
