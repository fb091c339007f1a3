"""ExampleValidator's anomalies of small real examples, and the gate behind one call."""

import pathlib
from collections.abc import Callable, Mapping, Sequence

import pytest
import tensorflow as tf
import tensorflow_data_validation as tfdv
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils, channel_utils, standard_artifacts

from components.example_validator import anomalies_files
from components.statistics_gen import image_statistics, overlap, statistics_files
from components.validation_gate.component import ValidationGate
from settings.data import Features

SCHEMA = """
feature { name: "image" type: BYTES image_domain {} presence { min_fraction: 1 } }
feature {
  name: "label" type: INT presence { min_fraction: 1 }
  int_domain { is_categorical: true min: 0 max: 4 }
}
feature { name: "kind" type: BYTES string_domain { value: "photo" value: "drawing" } }
"""


def example(features: Mapping[str, bytes | int]) -> bytes:
    """Serializes features of one value each."""
    message = tf.train.Example()
    for name, value in features.items():
        if isinstance(value, bytes):
            message.features.feature[name].bytes_list.value.append(value)
        else:
            message.features.feature[name].int64_list.value.append(value)
    return message.SerializeToString()


@pytest.fixture
def good() -> list[dict[str, bytes | int]]:
    """Examples that keep to the schema, of the classes 0 to 2."""
    return [
        {"image": b"\x89PNG and its pixels", "label": label % 3, "kind": b"photo"}
        for label in range(6)
    ]


@pytest.fixture
def gate(tmp_path: pathlib.Path) -> Callable[..., types.Artifact]:
    """Validates splits (lists of examples) against a schema, then runs the gate on them."""

    def run(
        splits: Mapping[str, Sequence[Mapping[str, bytes | int]]],
        schema_text: str = SCHEMA,
        **settings: object,
    ) -> types.Artifact:
        schema = text_format.Parse(schema_text, schema_pb2.Schema())
        statistics = standard_artifacts.ExampleStatistics()
        anomalies = standard_artifacts.ExampleAnomalies()
        for artifact in (statistics, anomalies):
            artifact.uri = str(tmp_path / artifact.type_name)
            artifact.split_names = artifact_utils.encode_split_names(list(splits))
        digests = {}
        for split, examples in splits.items():
            path = str(tmp_path / split)
            with tf.io.TFRecordWriter(path) as writer:
                for features in examples:
                    writer.write(example(features))
            options = image_statistics.stats_options([path], Features())
            [found] = image_statistics.gathered([[path]], options, "image")
            result, digests[split] = image_statistics.merged([found], options), found.digests
            statistics_files.write(statistics, split, result)
            anomalies_files.write(anomalies, split, tfdv.validate_statistics(result, schema))
        overlap.write(statistics.uri, digests)
        component = ValidationGate(
            anomalies=channel_utils.as_channel([anomalies]),
            statistics=channel_utils.as_channel([statistics]),
            **settings,
        )
        checked = standard_artifacts.ExampleAnomalies()
        checked.uri = str(tmp_path / "checked")
        context = base_executor.BaseExecutor.Context(tmp_dir=str(tmp_path))
        component.executor_spec.executor_class(context).Do(
            {"anomalies": [anomalies], "statistics": [statistics]},
            {"checked_anomalies": [checked]},
            dict(component.exec_properties),
        )
        return checked

    return run
