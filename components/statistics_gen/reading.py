"""Reads TFDV's statistics without TensorFlow, whose import takes seconds."""

from pathlib import Path

from tensorflow_metadata.proto.v0 import statistics_pb2

from components import split_messages

FILE_NAME = "FeatureStats.pb"
_ORDER = ("train", "validation", "test")


def read_folder(folder: Path) -> dict[str, statistics_pb2.DatasetFeatureStatisticsList]:
    """Statistics below an artifact's local folder by split, train first."""
    kind = statistics_pb2.DatasetFeatureStatisticsList
    found = split_messages.read_folder(folder, FILE_NAME, kind)
    return {split: found[split] for split in sorted(found, key=_place)}


def num_examples(statistics: statistics_pb2.DatasetFeatureStatisticsList) -> int:
    """The number of examples in one split."""
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
    """The number of values of each class, by the class as text.

    None if the feature was not counted by class, or has more classes than TFDV lists.
    """
    buckets = feature.string_stats.rank_histogram.buckets
    if not feature.HasField("string_stats") or len(buckets) != feature.string_stats.unique:
        return None
    return {bucket.label: int(bucket.sample_count) for bucket in buckets}


def _place(split: str) -> tuple[int, str]:
    return (_ORDER.index(split) if split in _ORDER else len(_ORDER), split)
