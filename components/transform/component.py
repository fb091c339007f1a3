"""Transform: raw examples to the model's examples, and the graph that does the same in serving."""

from collections.abc import Mapping
from typing import Any

from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import channel, channel_utils, component_spec, standard_artifacts

from components.transform.executor import Executor
from settings.data import Features
from settings.preprocessing import Preprocessing


class TransformSpec(component_spec.ComponentSpec):
    """Interface of Transform."""

    PARAMETERS = {
        "preprocessing": component_spec.ExecutionParameter(type=str),
        "features": component_spec.ExecutionParameter(type=str),
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
    """Decodes images (and masks), resizes them to one size and numbers the labels.

    Output `transform_graph`: what tft.TFTransformOutput reads. The graph takes raw
    features and gives `image` (raw uint8 bytes, height * width * channels of them) and
    `label` (int64, -1 for a label that the training split lacks). The vocabulary `labels`
    has one label a line, ids in rising order, texts in lexicographical order;
    `pixel_statistics.json` has the images' shape, and mean and standard deviation by channel,
    0 to 255.
    For segmentation, `mask` replaces the label: raw uint8 class ids, height * width of
    them, 255 for pixels of no class; `labels` has the classes' names, and
    `mask_statistics.json` the training split's pixels by class.

    Output `transformed_examples`: `Split-<role>/transformed_examples-00000-of-0000n`,
    uncompressed TFRecords of these two features, all records of one size. Its custom
    properties: `counts`, `dropped` and `out_of_vocabulary` (JSON, split to number), `summary`.

    Everything is learnt from the split `train`. With no Beam arguments, or those of Beam's
    in-memory runner, it runs in this process on all cores; with another runner's, there.
    """

    SPEC_CLASS = TransformSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)

    def __init__(
        self,
        examples: channel.BaseChannel,
        schema: channel.BaseChannel,
        preprocessing: Preprocessing | Mapping[str, Any],
        features: Features | Mapping[str, Any] | None = None,
        checked_anomalies: channel.BaseChannel | None = None,
    ):
        """Wires the component.

        Args:
          examples: channel of one Examples artifact with a split `train`.
          schema: channel of one Schema artifact; it gives the label's type.
          preprocessing: the images' size and how they get it, as a section or its keys.
          features: which features are read, as a section or its keys.
          checked_anomalies: ValidationGate's output, so that bad data never comes here.
        """
        if not isinstance(preprocessing, Preprocessing):
            preprocessing = Preprocessing.of(**preprocessing)
        if not isinstance(features, Features):
            features = Features.of(**(features or {}))
        spec = TransformSpec(
            examples=examples,
            schema=schema,
            checked_anomalies=checked_anomalies,
            preprocessing=preprocessing.model_dump_json(),
            features=features.model_dump_json(),
            transform_graph=channel_utils.as_channel([standard_artifacts.TransformGraph()]),
            transformed_examples=channel_utils.as_channel([standard_artifacts.Examples()]),
        )
        super().__init__(spec=spec)
