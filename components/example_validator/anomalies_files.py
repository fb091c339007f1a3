"""Anomalies in an ExampleAnomalies artifact, as TFX lays them out."""

from collections.abc import Mapping

import tensorflow as tf
from google.protobuf import message
from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx import types
from tfx.dsl.io import fileio
from tfx.types import artifact_utils

from components.example_validator.reading import FILE_NAME, count_by_split, reasons
from failures import Failure


def write(artifact: types.Artifact, split: str, anomalies: anomalies_pb2.Anomalies) -> None:
    """Writes one split's anomalies to `Split-<name>/SchemaDiff.pb`."""
    folder = artifact_utils.get_split_uri([artifact], split)
    fileio.makedirs(folder)
    with fileio.open(f"{folder}/{FILE_NAME}", "wb") as file:
        file.write(anomalies.SerializeToString(deterministic=True))


def read(artifact: types.Artifact) -> dict[str, anomalies_pb2.Anomalies]:
    """Anomalies of every split of the artifact, by split name.

    Raises:
      Failure: a file is missing or holds no anomalies.
    """
    return {
        split: _read(f"{artifact_utils.get_split_uri([artifact], split)}/{FILE_NAME}")
        for split in artifact_utils.decode_split_names(artifact.split_names)
    }


def summary(anomalies: Mapping[str, anomalies_pb2.Anomalies]) -> str:
    """How many anomalies there are, such as "2 anomalies: test 2", or "no anomalies"."""
    counts = {split: len(reasons(found)) for split, found in anomalies.items()}
    return count_by_split({split: count for split, count in counts.items() if count})


def _read(path: str) -> anomalies_pb2.Anomalies:
    try:
        with fileio.open(path, "rb") as file:
            return anomalies_pb2.Anomalies.FromString(file.read())
    except (OSError, tf.errors.OpError, message.DecodeError) as error:
        raise Failure(
            f"{path} cannot be read as anomalies ({type(error).__name__}). "
            "Delete the artifact and run again."
        ) from error
