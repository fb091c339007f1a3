"""ExampleValidator: TFX's own, as a component that imports TFDV only.

TFX's executor imports all of TFX's components, half a second at every start.
"""

import tensorflow_data_validation as tfdv
from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact
from tfx.types.standard_artifacts import ExampleAnomalies, ExampleStatistics, Schema

from components.example_validator import anomalies_files
from components.schema_gen import schema_files
from components.statistics_gen import statistics_files
from components.typed_component import component


@component
def ExampleValidator(
    statistics: InputArtifact[ExampleStatistics],
    schema: InputArtifact[Schema],
    anomalies: OutputArtifact[ExampleAnomalies],
):
    """Finds anomalies: where the statistics of a split break the schema.

    It only reports, in TFX's layout (`Split-<name>/SchemaDiff.pb`, also where there are
    none); ValidationGate decides what the anomalies mean for the run.

    The property `summary` of `anomalies` counts them.

    Raises:
      Failure: an input's file is missing or damaged.
    """
    expected = schema_files.read(schema.uri)
    anomalies.split_names = statistics.split_names
    anomalies.span = statistics.span
    counts = {}
    for split, split_statistics in statistics_files.read(statistics).items():
        found = tfdv.validate_statistics(split_statistics, expected)
        anomalies_files.write(anomalies, split, found)
        if reasons := anomalies_files.reasons(found):
            counts[split] = len(reasons)
    anomalies.set_string_custom_property("summary", anomalies_files.count_by_split(counts))
