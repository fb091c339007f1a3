"""Validates the statistics of every split against the schema."""

from typing import Any

import tensorflow_data_validation as tfdv
from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils

from components.example_validator import anomalies_files
from components.schema_gen import schema_files
from components.statistics_gen import statistics_files


class Executor(base_executor.BaseExecutor):
    """Executor of `ExampleValidator`."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes the anomalies of every split, also where there are none.

        Args:
          input_dict: `statistics`: one ExampleStatistics artifact; `schema`: one Schema.
          output_dict: `anomalies`: one ExampleAnomalies artifact; `summary` counts them.
          exec_properties: `exclude_splits` of TFX's specification; always empty here.

        Raises:
          Failure: an input's file is missing or damaged.
        """
        statistics = artifact_utils.get_single_instance(input_dict["statistics"])
        anomalies = artifact_utils.get_single_instance(output_dict["anomalies"])
        schema = schema_files.read(artifact_utils.get_single_uri(input_dict["schema"]))
        anomalies.split_names = statistics.split_names
        anomalies.span = statistics.span
        found = {
            split: tfdv.validate_statistics(split_statistics, schema)
            for split, split_statistics in statistics_files.read(statistics).items()
        }
        for split, split_anomalies in found.items():
            anomalies_files.write(anomalies, split, split_anomalies)
        anomalies.set_string_custom_property("summary", anomalies_files.summary(found))
