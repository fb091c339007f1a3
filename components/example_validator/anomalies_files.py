"""Anomalies in an ExampleAnomalies artifact."""

from collections.abc import Mapping

from tensorflow_metadata.proto.v0.anomalies_pb2 import Anomalies
from tfx import types

from components import split_messages
from components.example_validator.reading import FILE_NAME, count_by_split, reasons


def write(artifact: types.Artifact, split: str, anomalies: Anomalies) -> None:
    """Writes one split's anomalies."""
    split_messages.write(artifact, split, FILE_NAME, anomalies)


def read(artifact: types.Artifact) -> dict[str, Anomalies]:
    """Anomalies of every split of the artifact, by split name.

    Raises:
      Failure: a file is missing or damaged.
    """
    return split_messages.read(artifact, FILE_NAME, Anomalies)


def summary(anomalies: Mapping[str, Anomalies]) -> str:
    """How many anomalies there are, such as "2 anomalies: test 2", or "no anomalies"."""
    counts = {split: len(reasons(found)) for split, found in anomalies.items()}
    return count_by_split({split: count for split, count in counts.items() if count})
