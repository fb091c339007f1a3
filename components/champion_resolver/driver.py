"""Decides, before ChampionResolver runs, whether the champion is still the same."""

from tfx.dsl.components.base import base_driver
from tfx.orchestration import data_types_utils
from tfx.orchestration.portable import base_driver as portable_base_driver
from tfx.orchestration.portable import data_types
from tfx.proto.orchestration import driver_output_pb2
from tfx.types import artifact_utils

from components.champion_resolver.resolution import as_text, resolve


class Driver(base_driver.BaseDriver, portable_base_driver.BaseDriver):
    """Adds the answer to the parameters by which TFX looks for a cached run.

    So the cache is used exactly as long as the champion does not change. Where no driver runs
    (on Kubeflow), the component finds the champion itself.
    """

    def __init__(self, metadata_handle):
        base_driver.BaseDriver.__init__(self, metadata_handle)
        portable_base_driver.BaseDriver.__init__(self, metadata_handle)

    def run(self, execution_info: data_types.ExecutionInfo) -> driver_output_pb2.DriverOutput:
        challenger = artifact_utils.get_single_instance(execution_info.input_dict["model"])
        found = resolve(challenger, execution_info.exec_properties["push_destination"])
        output = driver_output_pb2.DriverOutput()
        data_types_utils.set_metadata_value(output.exec_properties["resolved"], as_text(found))
        return output
