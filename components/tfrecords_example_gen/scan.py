"""Reads a TFRecord file of Examples once: whether each record can be used, and what it holds."""

import array
import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from google.protobuf.message import DecodeError

from components.examples.picture_files import shown
from components.examples.reading import example_message
from failures import Failure
from files import tfrecords
from settings.data import Features

NEXT_STEP = "Copy or write the file again, then run again."
_FRAME_BYTES = 16  # of a record beside its data
_KINDS = {"bytes_list": "bytes", "int64_list": "int64", "float_list": "float"}


class Scan(NamedTuple):
    """The records of one file, in their order."""

    path: str
    images: np.ndarray  # (records,) uint64, the beginning of the SHA-256 of the image
    records: np.ndarray  # (records, 16) uint8, the beginning of the SHA-256 of the record
    labels: np.ndarray  # (records,) int32, places in `names`
    names: list[str]  # the classes, as texts; [""] where masks are read
    kind: str  # "bytes" or "int64": what labels are; "" where masks are read
    bytes: int  # of all records


def scan(path: str, features: Features) -> Scan:
    """Reads a file, plain or gzipped.

    Raises:
      Failure: the file cannot be read or is damaged; a record is not an Example, or lacks a
        feature or has it in another form. The message names the record, its place, and the
        features that it does have.
    """
    images, records, labels, names = bytearray(), bytearray(), array.array("i"), {}
    kind, offset, number = "", 0, 0
    read = _Reader(shown(path), features)
    for run in tfrecords.runs(path, next_step=NEXT_STEP):
        for record in run.records:
            where = f"record {number:,} (byte {offset:,})"
            image, label, kind = read(where, record, kind)
            images += hashlib.sha256(image).digest()[:8]
            records += hashlib.sha256(record).digest()[:16]
            labels.append(names.setdefault(label, len(names)))
            number, offset = number + 1, offset + len(record) + _FRAME_BYTES
    return Scan(
        path,
        np.frombuffer(images, ">u8"),
        np.frombuffer(records, np.uint8).reshape(-1, 16),
        np.frombuffer(labels, np.int32),
        list(names),
        kind,
        offset,
    )


class _Reader:
    """Takes image and label out of a serialized Example."""

    def __init__(self, place: str, features: Features):
        self._place, self._features, self._message = place, features, example_message()

    def __call__(self, where: str, record: bytes, kind: str) -> tuple[bytes, str, str]:
        """The image, the class as text, and what labels are; `kind` is that of labels before."""
        try:
            found = self._message.FromString(record).features.feature
        except DecodeError:
            raise Failure(
                f"{self._place}, {where}: not a tf.train.Example. Leave the file out of data.files "
                "or data.splits, or write it again."
            ) from None
        features = self._features
        image = self._one(where, found, "image_feature", ("bytes",))
        if features.mask_feature is not None:
            self._one(where, found, "mask_feature", ("bytes",))
            return image, "", ""
        label = self._one(where, found, "label_feature", (kind,) if kind else ("bytes", "int64"))
        if isinstance(label, int):
            return image, str(label), "int64"
        try:
            text = label.decode()
        except UnicodeDecodeError:
            text = "\0"
        if not text or shown(text) != text:
            raise self._refused(where, "label_feature", "holds no printable text", found)
        return image, text, "bytes"

    def _one(self, where: str, found: Mapping[str, Any], key: str, kinds: tuple[str, ...]) -> Any:
        name = getattr(self._features, key)
        if name not in found:
            raise self._refused(where, key, "is missing", found)
        kind = found[name].WhichOneof("kind")
        values = getattr(found[name], kind).value if kind else ()
        if len(values) != 1:
            raise self._refused(where, key, f"has {len(values)} values instead of one", found)
        if _KINDS[kind] not in kinds:
            wanted = " or ".join(kinds)
            raise self._refused(where, key, f"is {_KINDS[kind]} instead of {wanted}", found)
        return values[0]

    def _refused(self, where: str, key: str, what: str, found: Mapping[str, Any]) -> Failure:
        there = ", ".join(
            f"{shown(name)} ({_KINDS.get(found[name].WhichOneof('kind'), 'empty')})"
            for name in sorted(found)
        )
        return Failure(
            f"{self._place}, {where}: feature {shown(getattr(self._features, key))!r} {what}. It "
            f"has: {there or 'no features'}. Set data.{key}, or write the file again."
        )
