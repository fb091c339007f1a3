"""ValidationGate: stops the run at anomalies that the configuration does not allow."""

import logging

from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact
from tfx.types.standard_artifacts import ExampleAnomalies, ExampleStatistics

from components.example_validator import anomalies_files
from components.statistics_gen import statistics_files
from components.typed_component import component
from components.validation_gate import verdict
from settings.data import Features
from settings.validation import Validation


@component
def ValidationGate(
    anomalies: InputArtifact[ExampleAnomalies],
    statistics: InputArtifact[ExampleStatistics],
    checked_anomalies: OutputArtifact[ExampleAnomalies],
    features: Features,
    validation: Validation,
):
    """Fails when there are more anomalies than allowed, and names them.

    To TFDV's anomalies it adds two of its own: `EMPTY_SPLIT`, of the feature `dataset`,
    and `NO_COMMON_CLASS`, where none of a split's labels occurs in train. A split with
    some classes that train lacks is only a warning, in `summary` and in the log, and so are classes
    that train alone has, and a split with too many classes to compare.

    Args:
      checked_anomalies: the anomalies that were accepted, in the layout of the input; what
        must not see bad data takes them. `summary` says what was found and warns of
        classes that train lacks or that train alone has; `anomalies` and `warnings` are counts.

    Raises:
      Failure: there are more anomalies, or more images that two splits share, than allowed.
    """
    by_split = anomalies_files.read(anomalies)
    read = statistics_files.read(statistics)
    found = verdict.find(by_split, read, features.label)
    warnings = [anomaly for anomaly in found if anomaly.only_warns]
    for anomaly in warnings:
        logging.warning("%s", anomaly)
    errors = [anomaly for anomaly in found if not anomaly.only_warns]
    verdict.check(verdict.refused(errors, validation.allow), validation.max_anomalies)
    verdict.check_overlap(statistics_files.read_overlap(statistics), read, validation.max_overlap)

    checked_anomalies.split_names = anomalies.split_names
    checked_anomalies.span = anomalies.span
    for split, split_anomalies in by_split.items():
        anomalies_files.write(checked_anomalies, split, split_anomalies)
    checked_anomalies.set_int_custom_property("anomalies", len(errors))
    checked_anomalies.set_int_custom_property("warnings", len(warnings))
    checked_anomalies.set_string_custom_property("summary", verdict.summary(errors, warnings))
