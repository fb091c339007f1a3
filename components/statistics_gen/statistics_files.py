"""Statistics in an ExampleStatistics artifact, as TFX lays them out."""

import tensorflow as tf
from google.protobuf import message
from tensorflow_metadata.proto.v0 import statistics_pb2
from tfx import types
from tfx.dsl.io import fileio
from tfx.types import artifact_utils

from failures import Failure

FILE_NAME = "FeatureStats.pb"


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


def num_examples(statistics: statistics_pb2.DatasetFeatureStatisticsList) -> int:
    """Number of examples that one split's statistics are of."""
    return sum(dataset.num_examples for dataset in statistics.datasets)


def features(
    statistics: statistics_pb2.DatasetFeatureStatisticsList,
) -> dict[str, statistics_pb2.FeatureNameStatistics]:
    """Statistics of each top-level feature of one split, by feature name."""
    return {
        feature.path.step[0]: feature
        for dataset in statistics.datasets
        for feature in dataset.features
        if len(feature.path.step) == 1
    }


def common(feature: statistics_pb2.FeatureNameStatistics) -> statistics_pb2.CommonStatistics:
    """The part that features of every type have: how many examples hold the feature."""
    return getattr(feature, feature.WhichOneof("stats")).common_stats


def class_counts(feature: statistics_pb2.FeatureNameStatistics) -> dict[str, int] | None:
    """How many values there are of each class, by the class as text.

    None if the feature was not counted by class, or has more classes than TFDV lists.
    """
    buckets = feature.string_stats.rank_histogram.buckets
    if not feature.HasField("string_stats") or len(buckets) != feature.string_stats.unique:
        return None
    return {bucket.label: int(bucket.sample_count) for bucket in buckets}


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
