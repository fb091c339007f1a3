"""Statistics artifacts of small real examples, and the executors behind one call."""

import pathlib
from collections.abc import Callable, Mapping, Sequence

import pytest
import tensorflow as tf
from tfx import types
from tfx.dsl.components.base import base_component, base_executor
from tfx.types import artifact_utils, channel_utils, standard_artifacts

from components.schema_gen.component import SchemaGen
from components.statistics_gen import image_statistics, statistics_files
from settings.data import Features


def example(features: Mapping[str, object]) -> bytes:
    """Serializes features: lists of bytes or ints, or one of them."""
    named = {}
    for name, value in features.items():
        values = value if isinstance(value, list) else [value]
        if isinstance(values[0], bytes):
            named[name] = tf.train.Feature(bytes_list=tf.train.BytesList(value=values))
        else:
            named[name] = tf.train.Feature(int64_list=tf.train.Int64List(value=values))
    return tf.train.Example(features=tf.train.Features(feature=named)).SerializeToString()


@pytest.fixture(scope="session")
def png() -> bytes:
    return tf.io.encode_png(tf.zeros((8, 8, 1), tf.uint8)).numpy()


@pytest.fixture
def make_statistics(tmp_path: pathlib.Path) -> Callable[..., types.Artifact]:
    """Computes the statistics of splits, each a list of examples (features by name)."""

    def make(**splits: Sequence[Mapping[str, object]]) -> types.Artifact:
        artifact = standard_artifacts.ExampleStatistics()
        artifact.uri = str(tmp_path / "statistics")
        artifact.split_names = artifact_utils.encode_split_names(list(splits))
        for split, examples in splits.items():
            path = str(tmp_path / split)
            with tf.io.TFRecordWriter(path) as writer:
                for features in examples:
                    writer.write(example(features))
            options = image_statistics.stats_options([path], Features())
            statistics_files.write(
                artifact, split, image_statistics.split_statistics([path], options)
            )
        return artifact

    return make


@pytest.fixture
def run(tmp_path: pathlib.Path) -> Callable[..., types.Artifact]:
    """Runs a component's executor; returns the Schema artifact."""

    def execute(component: base_component.BaseComponent, **inputs: types.Artifact):
        schema = standard_artifacts.Schema()
        schema.uri = str(tmp_path / "schema")
        context = base_executor.BaseExecutor.Context(tmp_dir=str(tmp_path))
        component.executor_spec.executor_class(context).Do(
            {name: [artifact] for name, artifact in inputs.items()},
            {"schema": [schema]},
            dict(component.exec_properties),
        )
        return schema

    return execute


@pytest.fixture
def infer(run: Callable[..., types.Artifact]) -> Callable[..., types.Artifact]:
    """Runs SchemaGen on a statistics artifact."""

    def execute(statistics: types.Artifact, **settings: object) -> types.Artifact:
        component = SchemaGen(statistics=channel_utils.as_channel([statistics]), **settings)
        return run(component, statistics=statistics)

    return execute
