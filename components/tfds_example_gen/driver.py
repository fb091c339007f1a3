"""Decides, before TfdsExampleGen runs, whether its data is what it was the last time."""

import tensorflow_datasets as tfds
from tfx.dsl.components.base import base_driver
from tfx.orchestration import data_types_utils, metadata
from tfx.orchestration.portable import base_driver as portable_base_driver
from tfx.orchestration.portable import data_types
from tfx.proto.orchestration import driver_output_pb2

from components.tfds_example_gen import splits
from components.tfds_example_gen.dataset import load
from components.tfds_example_gen.fingerprint import fingerprint
from settings.data import TfdsSource


class Driver(base_driver.BaseDriver, portable_base_driver.BaseDriver):
    """Adds the data's fingerprint to the parameters by which TFX looks for a cached run.

    TFX asks for the first base where it builds a pipeline, and for the second where it
    runs one. Where no driver runs (on Kubeflow), the executor finds the same fingerprint.
    """

    def __init__(self, metadata_handle: metadata.Metadata):
        base_driver.BaseDriver.__init__(self, metadata_handle)
        portable_base_driver.BaseDriver.__init__(self, metadata_handle)

    def run(self, execution_info: data_types.ExecutionInfo) -> driver_output_pb2.DriverOutput:
        """Prepares the dataset where that is needed and allowed, and fingerprints it.

        Raises:
            Failure: The dataset or a split cannot be found, prepared or read.
        """
        output = driver_output_pb2.DriverOutput()
        source = TfdsSource.model_validate_json(execution_info.exec_properties["source"])
        found = fingerprint(*select(source))
        data_types_utils.set_metadata_value(output.exec_properties["fingerprint"], found)
        return output


def select(
    source: TfdsSource,
) -> tuple[tfds.core.DatasetBuilder, dict[str, tuple[splits.Piece, ...]]]:
    """The dataset and the records of each role; raises Failure as `load` and `splits.select`."""
    builder = load(source.dataset, source.data_dir, source.download)
    return builder, splits.select(builder, source.splits.by_role())
