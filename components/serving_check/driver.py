"""Decides, before ServingCheck runs, whether its last verdict on this model still holds."""

from ml_metadata.errors import NotFoundError
from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import path_utils

from components.cache_driver import CacheDriver
from components.model_store.model_files import model_fingerprint


class Driver(CacheDriver):
    """How often this model was refused.

    A busy or full machine may cause a refusal, which must not outlive it: the number rises with
    each, so the next run asks the model again. A blessing leaves it as it is, and is cached.
    """

    PARAMETER = "refusals"

    def value(self, input_dict, exec_properties):
        model = artifact_utils.get_single_instance(input_dict["model"])
        fingerprint = model_fingerprint(path_utils.serving_model_path(model.uri))
        with self._mlmd_connection as metadata:
            return _refusals(metadata.store, fingerprint)


def _refusals(store, fingerprint: str) -> int:
    try:
        artifacts = store.get_artifacts_by_type(standard_artifacts.InfraBlessing.TYPE_NAME)
    except NotFoundError:
        return 0  # Nothing was ever checked in this root.
    return sum(
        said["fingerprint"].string_value == fingerprint and not said["blessed"].int_value
        for said in (artifact.custom_properties for artifact in artifacts)
    )
