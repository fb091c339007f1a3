"""ValidationGate: stops the run at anomalies that the configuration does not allow."""

import json
from collections.abc import Mapping, Sequence

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import channel, component_spec, standard_artifacts

from components.validation_gate import executor, verdict


class ValidationGateSpec(component_spec.ComponentSpec):
    """What ValidationGate reads and writes; see `ValidationGate` for the meaning."""

    INPUTS = {
        "anomalies": component_spec.ChannelParameter(type=standard_artifacts.ExampleAnomalies),
        "statistics": component_spec.ChannelParameter(type=standard_artifacts.ExampleStatistics),
    }
    OUTPUTS = {
        "checked_anomalies": component_spec.ChannelParameter(
            type=standard_artifacts.ExampleAnomalies
        ),
    }
    PARAMETERS = {
        "allow": component_spec.ExecutionParameter(type=str),
        "max_anomalies": component_spec.ExecutionParameter(type=int),
        "label_feature": component_spec.ExecutionParameter(type=str, optional=True),
    }


class ValidationGate(base_component.BaseComponent):
    """Fails when more anomalies than allowed were found, and names them.

    To TFDV's anomalies it adds two of its own: `EMPTY_SPLIT`, of the feature `dataset`,
    and `NO_COMMON_CLASS`, where none of a split's labels occurs in train. A split with
    some classes that train lacks is only a warning, in `summary` and in the log.

    What must not see bad data takes the output `checked_anomalies`: the anomalies that
    were accepted, in the layout of the input.
    """

    SPEC_CLASS = ValidationGateSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        anomalies: channel.BaseChannel,
        statistics: channel.BaseChannel,
        allow: Mapping[str, Sequence[str]] | None = None,
        max_anomalies: int = 0,
        label_feature: str | None = "label",
    ):
        """Checks the configuration and wires the component.

        Args:
          anomalies: channel of one `ExampleAnomalies` artifact.
          statistics: channel of the `ExampleStatistics` artifact that was validated.
          allow: anomaly types that pass, by feature name, such as
            `{"label": ["ENUM_TYPE_UNEXPECTED_STRING_VALUES"]}`; `*` stands for every
            feature. The names are those of `AnomalyInfo.Type` in tensorflow_metadata.
          max_anomalies: how many other anomalies pass, over all splits; at least 0.
          label_feature: name of the class label; None: there is none to check.

        Raises:
          Failure: `allow` names an unknown type, or `max_anomalies` is negative.
        """
        verdict.check_configuration(allow or {}, max_anomalies)
        super().__init__(
            spec=ValidationGateSpec(
                anomalies=anomalies,
                statistics=statistics,
                allow=json.dumps(
                    {feature: sorted(types) for feature, types in (allow or {}).items()},
                    sort_keys=True,
                ),
                max_anomalies=max_anomalies,
                label_feature=label_feature,
                checked_anomalies=channel.Channel(type=standard_artifacts.ExampleAnomalies),
            )
        )
