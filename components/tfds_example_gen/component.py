"""TfdsExampleGen: any TFDS dataset as the beginning of a TFX pipeline."""

from typing import Any

from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import channel_utils, component_spec, standard_artifacts

from components.tfds_example_gen.driver import Driver
from components.tfds_example_gen.executor import Executor
from settings.data import Features, TfdsSource


class TfdsExampleGenSpec(component_spec.ComponentSpec):
    """Interface of TfdsExampleGen."""

    PARAMETERS = {
        "source": component_spec.ExecutionParameter(type=str),
        "features": component_spec.ExecutionParameter(type=str),
        "span": component_spec.ExecutionParameter(type=int),
    }
    INPUTS = {}
    OUTPUTS = {"examples": component_spec.ChannelParameter(type=standard_artifacts.Examples)}


class TfdsExampleGen(base_beam_component.BaseBeamComponent):
    """Reads a TFDS dataset into Examples, each record as TFDS stores it.

    Images stay encoded, byte for byte. Every record's checksum is verified, and
    nothing runs again while the dataset's files and the splits are what they were.

    Output `examples`: `Split-<role>/data_tfrecord-00000-of-0000n`, uncompressed TFRecords
    of tf.train.Example; nested features have TFDS's flat names (`objects/box`). Its custom
    properties: `dataset` (full name), `fingerprint`, `counts` (JSON, role to number),
    `class_names` (JSON, label feature to its names in the order of their ids), `summary`.
    """

    SPEC_CLASS = TfdsExampleGenSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)
    DRIVER_CLASS = Driver

    def __init__(
        self,
        source: TfdsSource | None = None,
        features: Features | None = None,
        *,
        span: int = 0,
        **keys: Any,
    ):
        """Describes what to read.

        Args:
            source: The dataset and its splits, or instead the keys of `TfdsSource`, such as
                `dataset="digits", splits={"train": "train", "test": "test"}`.
            features: Which of them are images and masks, whose kind is checked.
            span: Number of the data's span, in units of the user's own.
        """
        spec = TfdsExampleGenSpec(
            source=TfdsSource.of(source, **keys).model_dump_json(),
            features=Features.of(features).model_dump_json(),
            span=span,
            examples=channel_utils.as_channel([standard_artifacts.Examples()]),
        )
        super().__init__(spec=spec)
