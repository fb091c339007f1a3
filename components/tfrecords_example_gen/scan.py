"""Reads a TFRecord file of Examples once: whether each record can be used, and what it holds."""

import array
import hashlib
from typing import NamedTuple

import numpy as np

from components.examples.picture_files import shown
from components.tfrecords_example_gen.example_check import ExampleCheck, Kinds, Unusable
from failures import Failure
from files import tfrecords
from settings.data import Features

NEXT_STEP = "Copy or write the file again, then run again."
_FRAME_BYTES = 16  # of a record besides its data


class Scan(NamedTuple):
    """The records of one file, in their order."""

    path: str
    images: np.ndarray  # (records,) uint64, the beginning of the SHA-256 of the image
    records: np.ndarray  # (records, 16) uint8, the beginning of the SHA-256 of the record
    offsets: np.ndarray  # (records,) int64, the record's first byte, of the unpacked content
    labels: np.ndarray  # (records,) int32, places in `names`
    names: list[tuple[str, ...]]  # the classes that a record has, as texts; [()] with masks
    kinds: Kinds
    bytes: int  # of all records
    is_packed: bool  # whether it is gzipped


def scan(path: str, features: Features) -> Scan:
    """Reads a file, plain or gzipped.

    Raises:
      Failure: the file cannot be read or is damaged; a record is not an Example, or lacks a
        feature or has it in another form. The message names the record, its place, and the
        features that it does have.
    """
    images, records, labels, names = bytearray(), bytearray(), array.array("i"), {}
    offsets, kinds, offset, number = array.array("q"), Kinds(), 0, 0
    check = ExampleCheck(features)
    for run in tfrecords.runs(path, next_step=NEXT_STEP):
        for record in run.records:
            try:
                image, classes, kinds = check(record, kinds)
            except Unusable as error:
                place = f"{shown(path)}, record {number:,} (byte {offset:,})"
                raise _refused(place, error) from None
            images += hashlib.sha256(image).digest()[:8]
            records += hashlib.sha256(record).digest()[:16]
            offsets.append(offset)
            labels.append(names.setdefault(classes, len(names)))
            number, offset = number + 1, offset + len(record) + _FRAME_BYTES
    return Scan(
        path,
        np.frombuffer(images, ">u8"),
        np.frombuffer(records, np.uint8).reshape(-1, 16),
        np.frombuffer(offsets, np.int64),
        np.frombuffer(labels, np.int32),
        list(names),
        kinds,
        offset,
        tfrecords.is_packed(path, NEXT_STEP),
    )


def _refused(place: str, error: Unusable) -> Failure:
    if error.key is None:
        way_on = "Leave the file out of data.files or data.splits, or write it again."
    else:
        way_on = f"Set data.{error.key}, or write the file again."
    return Failure(f"{place}: {error}. {way_on}")
