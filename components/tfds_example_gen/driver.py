"""Decides, before TfdsExampleGen runs, whether its data is what it was the last time."""

from tfx.orchestration import data_types_utils
from tfx.orchestration.portable import base_driver, data_types
from tfx.proto.orchestration import driver_output_pb2

from components.tfds_example_gen.executor import select
from components.tfds_example_gen.fingerprint import fingerprint


class Driver(base_driver.BaseDriver):
    """Adds the data's fingerprint to the parameters by which TFX looks for a cached run.

    Where no driver runs (on Kubeflow), the executor computes the same fingerprint.
    """

    def run(self, execution_info: data_types.ExecutionInfo) -> driver_output_pb2.DriverOutput:
        """Prepares the dataset where that is needed and allowed, and fingerprints it.

        Raises:
            Failure: The dataset or a split cannot be found, prepared or read.
        """
        output = driver_output_pb2.DriverOutput()
        found = fingerprint(*select(execution_info.exec_properties))
        data_types_utils.set_metadata_value(output.exec_properties["fingerprint"], found)
        return output
