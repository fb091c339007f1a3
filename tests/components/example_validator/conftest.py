"""Statistics and schema artifacts of hand-made features, for ExampleValidator."""

import pathlib
from collections.abc import Callable, Mapping, Sequence

import pytest
import tensorflow as tf
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx import types
from tfx.types import artifact_utils, standard_artifacts

from components.schema_gen import inference, schema_files
from components.statistics_gen import image_statistics, statistics_files
from settings.data import Features


@pytest.fixture
def make_statistics(tmp_path: pathlib.Path) -> Callable[..., types.Artifact]:
    """Computes the statistics of splits, each a list of (image bytes or None, label)."""

    def make(**splits: Sequence[tuple[bytes | None, int]]) -> types.Artifact:
        artifact = standard_artifacts.ExampleStatistics()
        artifact.uri = str(tmp_path / "statistics")
        artifact.split_names = artifact_utils.encode_split_names(list(splits))
        for split, examples in splits.items():
            path = str(tmp_path / split)
            with tf.io.TFRecordWriter(path) as writer:
                for image, label in examples:
                    example = tf.train.Example()
                    example.features.feature["label"].int64_list.value.append(label)
                    if image is not None:
                        example.features.feature["image"].bytes_list.value.append(image)
                    writer.write(example.SerializeToString())
            options = image_statistics.stats_options([path], Features())
            statistics_files.write(
                artifact, split, image_statistics.split_statistics([path], options)
            )
        return artifact

    return make


@pytest.fixture
def make_schema(tmp_path: pathlib.Path) -> Callable[..., types.Artifact]:
    """Writes the schema that SchemaGen infers, after an edit of it."""

    def make(
        statistics: types.Artifact, edit: Callable[[Mapping[str, schema_pb2.Feature]], None]
    ) -> types.Artifact:
        schema = inference.inferred_schema(statistics_files.read(statistics), Features())
        edit({feature.name: feature for feature in schema.feature})
        artifact = standard_artifacts.Schema()
        artifact.uri = str(tmp_path / "schema")
        schema_files.write(artifact.uri, schema)
        return artifact

    return make
