"""A driver that decides, before a component runs, whether its cached result still holds."""

from typing import Any

from tfx.dsl.components.base import base_driver
from tfx.orchestration import data_types_utils
from tfx.orchestration.portable import base_driver as portable_base_driver
from tfx.orchestration.portable import data_types
from tfx.proto.orchestration import driver_output_pb2


class CacheDriver(base_driver.BaseDriver, portable_base_driver.BaseDriver):
    """Adds a parameter to those by which TFX looks for a cached run.

    TFX asks for the first base where it builds a pipeline, and for the second where it runs one; a
    notebook's InteractiveContext knows the first alone, and calls `pre_execution`. On Kubeflow no
    driver runs: a step of the package asks for the value where it is portable, and otherwise the
    component finds it itself.
    """

    PARAMETER: str

    def __init__(self, metadata_handle):
        base_driver.BaseDriver.__init__(self, metadata_handle)
        portable_base_driver.BaseDriver.__init__(self, metadata_handle)

    def run(self, execution_info: data_types.ExecutionInfo) -> driver_output_pb2.DriverOutput:
        value = self.value(execution_info.input_dict, execution_info.exec_properties)
        output = driver_output_pb2.DriverOutput()
        data_types_utils.set_metadata_value(output.exec_properties[self.PARAMETER], value)
        return output

    def pre_execution(
        self, input_dict, output_dict, exec_properties, driver_args, pipeline_info, component_info
    ):
        artifacts = self.resolve_input_artifacts(
            input_dict, exec_properties, driver_args, pipeline_info
        )
        given = exec_properties | {self.PARAMETER: self.value(artifacts, exec_properties)}
        return super().pre_execution(
            input_dict, output_dict, given, driver_args, pipeline_info, component_info
        )

    @classmethod
    def is_portable(cls, exec_properties: dict[str, Any]) -> bool:
        """Whether a runner may ask for the value in one place and run the component in another.

        There the same data gives the same value, and the component refuses data that gives another.
        """
        return False

    def portable_value(self, exec_properties: dict[str, Any]) -> str | int:
        """What the parameter is for a component that runs elsewhere, and looks at no artifact."""
        return self.value({}, exec_properties)

    def value(self, input_dict: dict[str, list], exec_properties: dict[str, Any]) -> str | int:
        """What the parameter is for these artifacts and properties."""
        raise NotImplementedError
