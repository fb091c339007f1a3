"""Writes an Example, and reads what an ExampleGen left; TensorFlow's import would take seconds."""

import contextlib
import functools
import json
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from google.protobuf.message import DecodeError, Message

from components.spans.reading import PROPERTY, facts_in
from failures import Failure
from files.places import exists, read
from files.tfrecords import records

CLASS_NAMES = "class_names.json"  # in the artifact's folder; {} where labels have no names
_BYTES = [bytes([number]) for number in range(256)]
_float = struct.Struct("<f").pack


class Data(NamedTuple):
    """What an Examples artifact records about itself; None or {} where it does not."""

    dataset: str | None  # such as "mnist/3.0.1", or the path of a folder
    fingerprint: str | None  # of the records, hexadecimal
    counts: dict[str, int]  # examples by split
    spans: list[dict[str, Any]]  # of a window: `span`, `version`, `name` and `examples` of each
    snapshot: str | None = None  # the time as of which it was read, as in 2026-11-26T09:30:00Z


def read_data(properties: Mapping[str, Any]) -> Data:
    """Reads the custom properties that `describing` sets."""
    return Data(
        properties.get("dataset"),
        properties.get("fingerprint"),
        json.loads(properties.get("counts") or "{}"),
        facts_in(properties.get(PROPERTY) or "[]"),
        properties.get("snapshot"),
    )


def read_shared(examples) -> dict[tuple[str, str], list[str]]:
    """Of an Examples artifact, the names of some images that two splits share."""
    found = json.loads(examples.get_string_custom_property("shared") or "[]")
    return {(one, other): names for one, other, names in found}


def read_class_names(uri: str | Path) -> dict[str, list[str]]:
    """Of an Examples artifact's label features, the names of the classes in the ids' order.

    Raises:
      Failure: the file cannot be read.
    """
    path = f"{uri}/{CLASS_NAMES}"
    return json.loads(read(path, "Run again.")) if exists(path) else {}


def class_names_of(component: str, examples) -> dict[str, list[str]]:
    """As `read_class_names`, of an Examples artifact; those of `describing` always have the file.

    Args:
      component: who asks, for messages.

    Raises:
      Failure: the file is lost or cannot be read.
    """
    path = f"{examples.uri}/{CLASS_NAMES}"
    if examples.get_string_custom_property("fingerprint") and not exists(path):
        raise Failure(
            f"{component}: {path} is lost, and the classes' names with it. Restore it, or delete "
            f"{examples.uri}, then run again."
        )
    return read_class_names(examples.uri)


def span_words(span: Mapping[str, Any]) -> str:
    """A span of a window, as in "3" or "2026-11-26 (version 2)"."""
    version = "" if span["version"] is None else f" (version {span['version']})"
    return f"{span['name']}{version}"


def read_examples(folder: Path, split: str) -> Iterator[dict[str, list]]:
    """The raw Examples of a split: {feature: [bytes, int or float]} each.

    A damaged shard ends at its damage: a page about the run can do without the rest.
    """
    example = example_message()
    for shard in sorted(folder.glob(f"Split-{split}/*")):
        with contextlib.suppress(Failure, DecodeError):
            for record in records(shard):
                features = example.FromString(record).features.feature
                yield {name: _values(feature) for name, feature in features.items()}


def serialized(values: Mapping[str, bytes | float | list[bytes]]) -> bytes:
    """A tf.train.Example with one value in each feature, or several; equal ones give equal bytes.

    Takes a third of protobuf's time, which copies an image three times.
    """
    return b"".join(serialized_pieces(values))


def serialized_pieces(values: Mapping[str, bytes | float | list[bytes]]) -> list[bytes]:
    """What `serialized` joins, for callers that write it without copying the values."""
    pieces, size = [b""], 0
    for name in sorted(values):
        value = values[name]
        kind = type(value) if isinstance(value, bytes | list) else float
        if kind is float:
            value = _float(value)
        elif kind is list:
            value = b"".join(_field(b"\n", len(one)) + one for one in value)
        head = _head(name, len(value), kind)
        pieces += head, value
        size += len(head) + len(value)
    pieces[0] = _field(b"\n", size)
    return pieces


@functools.lru_cache(4096)
def _head(name: str, size: int, kind: type) -> bytes:
    """The bytes in front of a value of this size: an entry of Features.feature, innermost first."""
    key = name.encode()
    # BytesList.value or FloatList.value; a list has one before each value.
    head = b"" if kind is list else _field(b"\n", size)
    head = _field(b"\x12" if kind is float else b"\n", len(head) + size) + head
    head = _field(b"\n", len(key)) + key + _field(b"\x12", len(head) + size) + head
    return _field(b"\n", len(head) + size) + head


def _field(tag: bytes, size: int) -> bytes:
    """The start of a field of this many bytes: its tag, and the size as a varint."""
    while size >= 128:
        tag += _BYTES[size & 127 | 128]
        size >>= 7
    return tag + _BYTES[size]


def example_message() -> type[Message]:
    """The class of tf.train.Example."""
    # TFDS's copy of TensorFlow's own message, whose module would import TensorFlow.
    from tensorflow_datasets.proto import tf_example_generated_pb2

    return tf_example_generated_pb2.Example


def _values(feature) -> list:
    kind = feature.WhichOneof("kind")
    return list(getattr(feature, kind).value) if kind else []
