"""What is predicted in batches, as runs of records that can be resumed one by one."""

import glob
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import tensorflow as tf

from components import graph_error
from failures import Failure

PART = 10_240  # records of one output file: what a kill can cost at most
BATCH = 512  # records the model sees at once; divides PART
_IMAGES = (".png", ".jpg", ".jpeg")
_GZIP = b"\x1f\x8b"
_LENGTH = struct.Struct("<Q")


@dataclass(frozen=True)
class Run:
    """Consecutive records of one TFRecord file, or consecutive images of a folder."""

    place: str  # a TFRecord file, or a folder
    start: int  # the first record's number in the file or folder
    count: int
    names: tuple[str, ...] = ()  # of the images; empty for a TFRecord file
    compression: str = ""


def runs_of(place: str) -> list[Run]:
    """The records of TFRecord files or of a folder of images.

    Args:
      place: a file, a glob, or a folder with TFRecord files or images below it.

    Raises:
      Failure: there is nothing to predict.
    """
    files = _files(place)
    images = [file for file in files if file.lower().endswith(_IMAGES)]
    records = [file for file in files if "tfrecord" in os.path.basename(file)]
    if images and not records:
        return _split(Run(place, 0, len(images), tuple(images)))
    if not files or (not records and os.path.isdir(place)):
        raise Failure(
            f"--input {place}: no TFRecord file (…tfrecord…) and no image "
            f"({', '.join(_IMAGES)}) is there. Name a file, a glob or another folder."
        )
    return [run for file in records or files for run in _split(_whole(file))]


def runs_of_dataset(name: str, split: str, data_dir: str | None) -> list[Run]:
    """The records of a split of a prepared TFDS dataset, in its files' order.

    Raises:
      Failure: there is no such dataset or split, or it is not kept as TFRecords.
    """
    import tensorflow_datasets as tfds

    from components.tfds_example_gen.dataset import load

    builder = load(name, data_dir)
    if builder.info.file_format != tfds.core.FileFormat.TFRECORD:
        raise Failure(
            f"Dataset {name} is kept as {builder.info.file_format.value}, not as TFRecords. "
            "Prepare it with file_format tfrecord."
        )
    try:
        instructions = builder.info.splits[split].file_instructions
    except (KeyError, ValueError) as error:
        there = ", ".join(builder.info.splits)
        raise Failure(
            f"Dataset {name} has no split {split!r}. It has: {there}. Slice as in test[:10%]."
        ) from error
    wholes = [Run(one.filename, one.skip, one.examples_in_shard) for one in instructions]
    return [run for whole in wholes for run in _split(whole)]


def batches(run: Run) -> Iterator[list[bytes | None]]:
    """The records of a run in batches: serialized Examples or encoded images.

    An image that cannot be read is None.

    Raises:
      Failure: a TFRecord file is damaged, ends early or cannot be read.
    """
    if run.names:
        for start in range(0, len(run.names), BATCH):
            yield [_content(name) for name in run.names[start : start + BATCH]]
        return
    records = tf.data.TFRecordDataset(run.place, compression_type=run.compression)
    records = records.skip(run.start).take(run.count).batch(BATCH).prefetch(2)
    try:
        for batch in records.as_numpy_iterator():
            yield batch.tolist()
    except tf.errors.DataLossError as error:
        raise Failure(
            f"{run.place} is damaged: {error.message}. Copy or write it again."
        ) from error
    except tf.errors.OpError as error:
        cause = graph_error.cause(error, "it is gone or not to be opened")
        raise Failure(f"{run.place} cannot be read: {cause}. Give the command again.") from error


def _files(place: str) -> list[str]:
    if os.path.isdir(place):
        return sorted(str(path) for path in Path(place).rglob("*") if path.is_file())
    if os.path.exists(place):
        return [place]
    return sorted(file for file in glob.glob(place, recursive=True) if os.path.isfile(file))


def _whole(file: str) -> Run:
    with open(file, "rb") as data:
        compression = "GZIP" if data.read(2) == _GZIP else ""
    if compression:
        try:
            records = tf.data.TFRecordDataset(file, compression_type=compression)
            count = int(records.reduce(tf.constant(0, tf.int64), lambda total, _: total + 1))
        except tf.errors.OpError as error:
            raise Failure(f"{file} is damaged: {error.message}. Write it again.") from error
    else:
        count = _count(file)
    return Run(file, 0, count, (), compression)


def _count(file: str) -> int:
    """Counts by the lengths alone; the data are jumped over."""
    size, count, place = os.path.getsize(file), 0, 0
    with open(file, "rb") as data:
        while place < size:
            data.seek(place)
            head = data.read(_LENGTH.size)
            if len(head) < _LENGTH.size:
                break
            place += _LENGTH.unpack(head)[0] + 16
            count += 1
    if place != size:
        raise Failure(f"{file} is no whole TFRecord file: it ends within record {count}.")
    return count


def _split(whole: Run) -> list[Run]:
    return [
        replace(
            whole,
            start=whole.start + offset,
            count=min(PART, whole.count - offset),
            names=whole.names[offset : offset + PART],
        )
        for offset in range(0, whole.count, PART)
    ]


def _content(file: str) -> bytes | None:
    try:
        return Path(file).read_bytes()
    except OSError:
        return None
