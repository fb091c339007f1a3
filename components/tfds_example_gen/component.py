"""TfdsExampleGen: any TFDS dataset as the beginning of a TFX pipeline."""

import json
from collections.abc import Mapping

from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import channel_utils, component_spec, standard_artifacts

from components.tfds_example_gen.driver import Driver
from components.tfds_example_gen.executor import Executor


class TfdsExampleGenSpec(component_spec.ComponentSpec):
    """Interface of TfdsExampleGen."""

    PARAMETERS = {
        "dataset": component_spec.ExecutionParameter(type=str),
        "splits": component_spec.ExecutionParameter(type=str),
        "data_dir": component_spec.ExecutionParameter(type=str, optional=True),
        "download": component_spec.ExecutionParameter(type=int),
        "span": component_spec.ExecutionParameter(type=int),
    }
    INPUTS = {}
    OUTPUTS = {"examples": component_spec.ChannelParameter(type=standard_artifacts.Examples)}


class TfdsExampleGen(base_beam_component.BaseBeamComponent):
    """Reads a TFDS dataset into Examples, each record as TFDS stores it.

    Images stay the encoded bytes that they are, every record's checksum is verified, and
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
        dataset: str,
        splits: Mapping[str, str],
        data_dir: str | None = None,
        download: bool = False,
        span: int = 0,
    ):
        """Describes what to read.

        Args:
            dataset: `name`, `name/config`, `name:version` or `name/config:version`; the
                embedded `digits` or any dataset of TFDS. Without a version, the newest
                that is prepared in `data_dir`.
            splits: Role to TFDS split expression, e.g. {"train": "train[:90%]",
                "validation": "train[90%:]", "test": "test"}.
            data_dir: Where TFDS keeps its datasets; TFDS's own place by default.
            download: Whether a dataset that is not prepared may be downloaded.
            span: Number of the data's span, in units of the user's own.
        """
        spec = TfdsExampleGenSpec(
            dataset=dataset,
            splits=json.dumps(dict(splits)),
            data_dir=data_dir,
            download=int(download),
            span=span,
            examples=channel_utils.as_channel([standard_artifacts.Examples()]),
        )
        super().__init__(spec=spec)
