"""Reads what TfdsExampleGen left without TensorFlow, whose import takes seconds."""

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from google.protobuf.message import DecodeError

from failures import Failure
from files.tfrecords import records


class Data(NamedTuple):
    """What an Examples artifact says of itself; None or {} where it does not."""

    dataset: str | None  # TFDS's full name, such as "mnist/3.0.1"
    fingerprint: str | None  # of the records, hexadecimal
    counts: dict[str, int]  # examples by split
    class_names: dict[str, list[str]]  # by feature, in the order of the class ids


def read_data(properties: Mapping[str, Any]) -> Data:
    """Reads the custom properties that the executor sets."""
    return Data(
        properties.get("dataset"),
        properties.get("fingerprint"),
        json.loads(properties.get("counts") or "{}"),
        json.loads(properties.get("class_names") or "{}"),
    )


def read_examples(folder: Path, split: str) -> Iterator[dict[str, list]]:
    """The raw Examples of a split: {feature: [bytes, int or float]} each.

    A damaged shard ends at its damage: a page about the run can do without the rest.
    """
    # TFDS's copy of TensorFlow's own message, whose module would import TensorFlow.
    from tensorflow_datasets.proto import tf_example_generated_pb2

    for shard in sorted(folder.glob(f"Split-{split}/*")):
        with contextlib.suppress(Failure, DecodeError):
            for record in records(shard):
                features = tf_example_generated_pb2.Example.FromString(record).features.feature
                yield {name: _values(feature) for name, feature in features.items()}


def _values(feature) -> list:
    kind = feature.WhichOneof("kind")
    return list(getattr(feature, kind).value) if kind else []
