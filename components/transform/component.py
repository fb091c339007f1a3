"""Transform: raw examples to the model's examples, and the graph that does the same in serving."""

import json
from collections.abc import Mapping

from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import channel, channel_utils, component_spec, standard_artifacts

from components.transform.executor import Executor


class TransformSpec(component_spec.ComponentSpec):
    """Interface of Transform."""

    PARAMETERS = {
        "preprocessing": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {
        "examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
        "schema": component_spec.ChannelParameter(type=standard_artifacts.Schema),
        "checked_anomalies": component_spec.ChannelParameter(
            type=standard_artifacts.ExampleAnomalies, optional=True
        ),
    }
    OUTPUTS = {
        "transform_graph": component_spec.ChannelParameter(type=standard_artifacts.TransformGraph),
        "transformed_examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
    }


class Transform(base_beam_component.BaseBeamComponent):
    """Decodes images (and masks), brings them to one size and numbers the labels.

    Output `transform_graph`: what tft.TFTransformOutput reads. The graph takes raw
    features and gives `image` (raw uint8 bytes, height * width * channels of them) and
    `label` (int64, -1 when the training split lacks it). The vocabulary `labels` has one
    label a line, ids in rising order, texts in lexicographical order;
    `pixel_statistics.json` has mean and standard deviation a channel, 0 to 255.
    For segmentation `mask` stands in the label's place: raw uint8 class ids, height *
    width of them, 255 of pixels of no class; `labels` has the classes' names, and
    `mask_statistics.json` the training split's pixels by class.

    Output `transformed_examples`: `Split-<role>/transformed_examples-00000-of-0000n`,
    uncompressed TFRecords of these two features. Its custom properties: `counts`,
    `dropped` and `out_of_vocabulary` (JSON, split to number), `summary`.

    Everything is learnt from the split `train`. Without Beam arguments, or with those of
    Beam's in-memory runner, it runs in this process on all cores; with another runner's
    it runs there.
    """

    SPEC_CLASS = TransformSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)

    def __init__(
        self,
        examples: channel.BaseChannel,
        schema: channel.BaseChannel,
        preprocessing: Mapping[str, object],
        checked_anomalies: channel.BaseChannel | None = None,
    ):
        """Describes what to transform and how.

        Args:
          examples: channel of one Examples artifact with a split `train`.
          schema: channel of one Schema artifact; it says of which type the label is.
          preprocessing: the fields of `options.Preprocessing`: at least `height`, `width`.
          checked_anomalies: ValidationGate's output, so that bad data never comes here.
        """
        spec = TransformSpec(
            examples=examples,
            schema=schema,
            checked_anomalies=checked_anomalies,
            preprocessing=json.dumps(dict(preprocessing), sort_keys=True),
            transform_graph=channel_utils.as_channel([standard_artifacts.TransformGraph()]),
            transformed_examples=channel_utils.as_channel([standard_artifacts.Examples()]),
        )
        super().__init__(spec=spec)
