"""Examples artifacts of real PNGs, and the executor behind one call."""

import pathlib
from collections.abc import Callable, Sequence

import numpy as np
import pytest
import tensorflow as tf
from tfx import types
from tfx.dsl.components.base import base_beam_executor
from tfx.types import artifact_utils, channel_utils, standard_artifacts

from components.statistics_gen.component import StatisticsGen


def feature(value: object) -> tf.train.Feature:
    values = value if isinstance(value, list) else [value]
    if isinstance(values[0], bytes):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))
    if isinstance(values[0], float):
        return tf.train.Feature(float_list=tf.train.FloatList(value=values))
    return tf.train.Feature(int64_list=tf.train.Int64List(value=values))


@pytest.fixture(scope="session")
def pngs() -> list[bytes]:
    """Ten PNGs of 28x28 grey pixels; each has another size in bytes."""
    pixels = np.random.default_rng(0).integers(0, 256, (10, 28, 28, 1), np.uint8)
    for index in range(10):
        pixels[index, index * 2 :] = 0
    return [tf.io.encode_png(image).numpy() for image in pixels]


@pytest.fixture
def make_record() -> Callable[..., bytes]:
    """Serializes keyword arguments as one tf.Example."""

    def make(**features: object) -> bytes:
        named = {name: feature(value) for name, value in features.items()}
        return tf.train.Example(features=tf.train.Features(feature=named)).SerializeToString()

    return make


@pytest.fixture
def make_examples(tmp_path: pathlib.Path) -> Callable[..., types.Artifact]:
    """Writes an Examples artifact; each split is a list of shards of serialized examples."""

    def make(suffix: str = "", **splits: Sequence[Sequence[bytes]]) -> types.Artifact:
        artifact = standard_artifacts.Examples()
        artifact.uri = str(tmp_path / "examples")
        artifact.split_names = artifact_utils.encode_split_names(list(splits))
        for split, shards in splits.items():
            folder = tmp_path / "examples" / f"Split-{split}"
            folder.mkdir(parents=True, exist_ok=True)
            for number, shard in enumerate(shards):
                name = f"data_tfrecord-{number:05d}-of-{len(shards):05d}{suffix}"
                options = tf.io.TFRecordOptions("GZIP" if suffix else "")
                with tf.io.TFRecordWriter(str(folder / name), options) as writer:
                    for record in shard:
                        writer.write(record)
        return artifact

    return make


@pytest.fixture
def compute(tmp_path: pathlib.Path) -> Callable[..., types.Artifact]:
    """Runs StatisticsGen's executor with the properties that the component gives it."""

    def run(
        examples: types.Artifact, beam_pipeline_args: Sequence[str] = (), **settings: object
    ) -> types.Artifact:
        component = StatisticsGen(channel_utils.as_channel([examples]), **settings)
        statistics = standard_artifacts.ExampleStatistics()
        statistics.uri = str(tmp_path / "statistics")
        context = base_beam_executor.BaseBeamExecutor.Context(
            beam_pipeline_args=list(beam_pipeline_args), tmp_dir=str(tmp_path)
        )
        outputs = {"statistics": [statistics]}
        component.executor_spec.executor_class(context).Do(
            {"examples": [examples]}, outputs, dict(component.exec_properties)
        )
        return outputs["statistics"][0]

    return run
