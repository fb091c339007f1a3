"""StatisticsGen: TFDV statistics of every split, with images as opaque bytes."""

from typing import Any

from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import channel, component_spec, standard_artifacts

from components.statistics_gen import executor
from settings.data import Features


class StatisticsGenSpec(component_spec.ComponentSpec):
    """Interface of StatisticsGen."""

    INPUTS = {
        "examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
    }
    OUTPUTS = {
        "statistics": component_spec.ChannelParameter(type=standard_artifacts.ExampleStatistics),
    }
    PARAMETERS = {"features": component_spec.ExecutionParameter(type=str)}


class StatisticsGen(base_beam_component.BaseBeamComponent):
    """Computes TFDV statistics of each split of `examples`.

    The output has TFX's own layout (`Split-<name>/FeatureStats.pb`), so TFDV and
    every TFX component read it. Its custom property `summary` says how many examples there are.
    Of images and masks the statistics have presence and size in bytes only; integer
    labels are counted by class.

    With Beam's in-memory runner, the default, the splits are read in this process;
    memory is one batch, whatever the size of the data. With any other runner in the
    component's `beam_pipeline_args` the same statistics come from TFX's Beam pipeline.
    """

    SPEC_CLASS = StatisticsGenSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)

    def __init__(
        self, examples: channel.BaseChannel, features: Features | None = None, **keys: Any
    ):
        """Wires the component.

        Args:
          examples: channel of one `Examples` artifact of serialized tf.Examples.
          features: which features hold images, masks and classes; or instead the keys of
            `Features`, such as `label_feature="kind"`.
        """
        super().__init__(
            spec=StatisticsGenSpec(
                examples=examples,
                features=Features.of(features, **keys).model_dump_json(),
                statistics=channel.Channel(type=standard_artifacts.ExampleStatistics),
            )
        )
