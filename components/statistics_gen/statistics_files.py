"""Statistics in an ExampleStatistics artifact, as TFX lays them out."""

import tensorflow as tf
from google.protobuf import message
from tensorflow_metadata.proto.v0 import statistics_pb2
from tfx import types
from tfx.dsl.io import fileio
from tfx.types import artifact_utils

from components.statistics_gen.reading import FILE_NAME, num_examples
from failures import Failure


def write(
    artifact: types.Artifact,
    split: str,
    statistics: statistics_pb2.DatasetFeatureStatisticsList,
) -> None:
    """Writes one split's statistics to `Split-<name>/FeatureStats.pb`."""
    folder = artifact_utils.get_split_uri([artifact], split)
    fileio.makedirs(folder)
    with fileio.open(f"{folder}/{FILE_NAME}", "wb") as file:
        file.write(statistics.SerializeToString(deterministic=True))


def read(artifact: types.Artifact) -> dict[str, statistics_pb2.DatasetFeatureStatisticsList]:
    """Statistics of every split of the artifact, by split name.

    Raises:
      Failure: a file is missing or no statistics.
    """
    return {
        split: _read(f"{artifact_utils.get_split_uri([artifact], split)}/{FILE_NAME}")
        for split in artifact_utils.decode_split_names(artifact.split_names)
    }


def summary(artifact: types.Artifact) -> str:
    """What the statistics are of, such as "1,797 examples: train 1,437, test 360"."""
    counts = {split: num_examples(statistics) for split, statistics in read(artifact).items()}
    parts = ", ".join(f"{split} {count:,}" for split, count in counts.items())
    return f"{sum(counts.values()):,} examples: {parts}"


def _read(path: str) -> statistics_pb2.DatasetFeatureStatisticsList:
    try:
        with fileio.open(path, "rb") as file:
            return statistics_pb2.DatasetFeatureStatisticsList.FromString(file.read())
    except (OSError, tf.errors.OpError, message.DecodeError) as error:
        raise Failure(
            f"{path} cannot be read as statistics ({type(error).__name__}). "
            "Delete the artifact and run again."
        ) from error
