"""Lets the run pass, or stops it with the anomalies' names and counts."""

import json
import logging
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils

from components.example_validator import anomalies_files
from components.statistics_gen import statistics_files
from components.validation_gate import verdict


class Executor(base_executor.BaseExecutor):
    """Executor of `ValidationGate`."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Copies the anomalies to the output if they are allowed.

        Args:
          input_dict: `anomalies`: one ExampleAnomalies artifact; `statistics`: the
            ExampleStatistics artifact that was validated.
          output_dict: `checked_anomalies`: one ExampleAnomalies artifact; `summary` says
            what was found and warns of classes that train lacks; `anomalies` and
            `warnings` are counts.
          exec_properties: `allow`, a JSON object of lists of anomaly types by feature;
            `max_anomalies`, an int; `label_feature`, a name or nothing.

        Raises:
          Failure: there are more anomalies than allowed.
        """
        anomalies = artifact_utils.get_single_instance(input_dict["anomalies"])
        statistics = artifact_utils.get_single_instance(input_dict["statistics"])
        checked = artifact_utils.get_single_instance(output_dict["checked_anomalies"])
        by_split = anomalies_files.read(anomalies)
        label = exec_properties.get("label_feature")

        found = verdict.find(by_split, statistics_files.read(statistics), label)
        warnings = [anomaly for anomaly in found if anomaly.only_warns]
        for anomaly in warnings:
            logging.warning("%s", anomaly)
        errors = [anomaly for anomaly in found if not anomaly.only_warns]
        refused = verdict.refused(errors, json.loads(exec_properties["allow"]))
        verdict.check(refused, exec_properties["max_anomalies"])

        checked.split_names = anomalies.split_names
        checked.span = anomalies.span
        for split, split_anomalies in by_split.items():
            anomalies_files.write(checked, split, split_anomalies)
        checked.set_int_custom_property("anomalies", len(errors))
        checked.set_int_custom_property("warnings", len(warnings))
        checked.set_string_custom_property("summary", verdict.summary(errors, warnings))
