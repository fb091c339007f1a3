"""ExampleValidator: TFX's own, with an executor that imports TFDV only.

TFX's executor brings all of TFX's components with it, half a second at every start.
"""

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import channel, standard_artifacts, standard_component_specs

from components.example_validator import executor


class ExampleValidator(base_component.BaseComponent):
    """Finds anomalies: where the statistics of a split break the schema.

    It only reports, in TFX's layout (`Split-<name>/SchemaDiff.pb`); ValidationGate
    decides what the anomalies mean for the run.
    """

    SPEC_CLASS = standard_component_specs.ExampleValidatorSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(self, statistics: channel.BaseChannel, schema: channel.BaseChannel):
        """Wires the component.

        Args:
          statistics: channel of one `ExampleStatistics` artifact.
          schema: channel of one `Schema` artifact.
        """
        super().__init__(
            spec=standard_component_specs.ExampleValidatorSpec(
                statistics=statistics,
                schema=schema,
                exclude_splits="[]",
                anomalies=channel.Channel(type=standard_artifacts.ExampleAnomalies),
            )
        )
