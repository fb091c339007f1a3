"""Statistics in an ExampleStatistics artifact."""

from tensorflow_metadata.proto.v0.statistics_pb2 import DatasetFeatureStatisticsList
from tfx import types

from components import split_messages
from components.statistics_gen.reading import FILE_NAME, num_examples


def write(artifact: types.Artifact, split: str, statistics: DatasetFeatureStatisticsList) -> None:
    """Writes one split's statistics."""
    split_messages.write(artifact, split, FILE_NAME, statistics)


def read(artifact: types.Artifact) -> dict[str, DatasetFeatureStatisticsList]:
    """Statistics of every split of the artifact, by split name.

    Raises:
      Failure: a file is missing or damaged.
    """
    return split_messages.read(artifact, FILE_NAME, DatasetFeatureStatisticsList)


def summary(artifact: types.Artifact) -> str:
    """What the statistics are of, such as "1,797 examples: train 1,437, test 360"."""
    counts = {split: num_examples(statistics) for split, statistics in read(artifact).items()}
    parts = ", ".join(f"{split} {count:,}" for split, count in counts.items())
    return f"{sum(counts.values()):,} examples: {parts}"
