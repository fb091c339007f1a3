"""StatisticsGen: TFDV statistics of every split, with images as opaque bytes."""

import json
from collections.abc import Sequence

from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import channel, component_spec, standard_artifacts

from components.statistics_gen import executor


class StatisticsGenSpec(component_spec.ComponentSpec):
    """What StatisticsGen reads and writes; see `StatisticsGen` for the meaning."""

    INPUTS = {
        "examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
    }
    OUTPUTS = {
        "statistics": component_spec.ChannelParameter(type=standard_artifacts.ExampleStatistics),
    }
    PARAMETERS = {
        "image_features": component_spec.ExecutionParameter(type=str),
        "label_feature": component_spec.ExecutionParameter(type=str, optional=True),
    }


class StatisticsGen(base_beam_component.BaseBeamComponent):
    """Computes TFDV statistics of each split of `examples`.

    The output has TFX's own layout (`Split-<name>/FeatureStats.pb`), so TFDV and
    every TFX component read it.

    With Beam's in-memory runner, the default, the splits are read in this process;
    memory is one batch, whatever the size of the data. With any other runner in the
    component's `beam_pipeline_args` the same statistics come from TFX's Beam pipeline.
    """

    SPEC_CLASS = StatisticsGenSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)

    def __init__(
        self,
        examples: channel.BaseChannel,
        image_features: Sequence[str] = ("image",),
        label_feature: str | None = "label",
        mask_feature: str | None = None,
    ):
        """Wires the component.

        Args:
          examples: channel of one `Examples` artifact of serialized tf.Examples.
          image_features: names of the features that hold encoded images. Of these
            the statistics have presence and size in bytes only.
          label_feature: name of the class label. Integer labels are counted by class.
            None: there is none.
          mask_feature: name of the feature that holds encoded masks, which are treated as
            images are; None: there is none.
        """
        super().__init__(
            spec=StatisticsGenSpec(
                examples=examples,
                image_features=json.dumps([*image_features, *filter(None, [mask_feature])]),
                label_feature=label_feature,
                statistics=channel.Channel(type=standard_artifacts.ExampleStatistics),
            )
        )
