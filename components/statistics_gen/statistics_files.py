"""TFDV's statistics of an artifact's splits, without TensorFlow, whose import takes seconds."""

import os
from collections.abc import Sequence
from typing import NamedTuple

from tensorflow_metadata.proto.v0 import statistics_pb2

from components.split_messages import SplitMessages
from files import places

OVERLAP_FILE = "overlap.json"
# Enough for the 21,841 of ImageNet; TFDV then lists as many values of every text feature.
MOST_CLASSES = 30_000
_files = SplitMessages("FeatureStats.pb", statistics_pb2.DatasetFeatureStatisticsList)
write, read, read_folder = _files.write, _files.read, _files.read_folder


def summary(artifact) -> str:
    """What the statistics are of, such as "1,797 examples: train 1,437, test 360"."""
    counts = {split: num_examples(statistics) for split, statistics in read(artifact).items()}
    parts = ", ".join(f"{split} {count:,}" for split, count in counts.items())
    text = f"{sum(counts.values()):,} examples: {parts}"
    return "; warning: ".join([text, *map(describe_overlap, read_overlap(artifact))])


class Overlap(NamedTuple):
    """Two splits that share images."""

    one: str
    other: str
    count: int  # of different images
    names: Sequence[str] = ()  # of some of them, as far as the source knows them


def read_overlap(artifact) -> list[Overlap]:
    """Each two splits that share images."""
    found = places.read_json(os.path.join(artifact.uri, OVERLAP_FILE))
    return [Overlap(*shared) for shared in found or ()]


def describe_overlap(shared: Overlap) -> str:
    named = f" ({', '.join(shared.names)})" if shared.names else ""
    images = f"{shared.count:,} image{'s' if shared.count > 1 else ''}"
    return f"{shared.one} and {shared.other} share {images}{named}"


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

    None if the feature was not counted by class, or has more than `MOST_CLASSES`.
    """
    if not feature.HasField("string_stats"):
        return None
    buckets = feature.string_stats.rank_histogram.buckets
    counts = {bucket.label: int(bucket.sample_count) for bucket in buckets}
    # `unique` is an estimate above 16,384; the number of values never is.
    complete = sum(counts.values()) == common(feature).tot_num_values
    return counts if complete else None
