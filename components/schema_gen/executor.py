"""Writes the schema artifact: inferred from statistics, or from a curated file's text."""

import json
from typing import Any

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils

from components.schema_gen import inference, schema_files
from components.statistics_gen import statistics_files


class InferExecutor(base_executor.BaseExecutor):
    """Executor of `SchemaGen`."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes the inferred schema as `schema.pbtxt`.

        Args:
          input_dict: `statistics`: one ExampleStatistics artifact with a split `train`.
          output_dict: `schema`: one Schema artifact; `summary` says what it holds.
          exec_properties: `image_features`, a JSON list of names; `label_feature` and
            `mask_feature`, names or nothing.

        Raises:
          Failure: train is missing or empty, or lacks one of these features.
        """
        statistics = artifact_utils.get_single_instance(input_dict["statistics"])
        schema = inference.inferred_schema(
            statistics_files.read(statistics),
            json.loads(exec_properties["image_features"]),
            exec_properties.get("label_feature"),
            exec_properties.get("mask_feature"),
        )
        _publish(schema, output_dict, "inferred from train")


class ImportExecutor(base_executor.BaseExecutor):
    """Executor of `ImportSchemaGen`."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes the curated schema as `schema.pbtxt`.

        Args:
          input_dict: nothing.
          output_dict: `schema`: one Schema artifact; `summary` says what it holds.
          exec_properties: `schema_text`, the schema as text, checked by the component.
        """
        schema = text_format.Parse(exec_properties["schema_text"], schema_pb2.Schema())
        _publish(schema, output_dict, "curated")


def _publish(
    schema: schema_pb2.Schema, output_dict: dict[str, list[types.Artifact]], origin: str
) -> None:
    artifact = artifact_utils.get_single_instance(output_dict["schema"])
    schema_files.write(artifact.uri, schema)
    artifact.set_string_custom_property("summary", f"{len(schema.feature)} features, {origin}")
