"""Decides, before Pusher runs, whether what it pushed is still there, and complete."""

from ml_metadata.errors import NotFoundError
from ml_metadata.proto import metadata_store_pb2
from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import path_utils

from components.cache_driver import CacheDriver
from components.model_store.model_files import model_fingerprint
from components.model_store.versions import list_versions, version_path

_NONE = "0 gone, 0 incomplete"


class Driver(CacheDriver):
    """How many pushes of this model are gone, and how many lack exports though they serve.

    Both are 0 before the first push and after it, so a repeated run is cached. They change when
    someone removes the pushed version, or puts one that lacks exports back into service, and then
    Pusher runs again.
    """

    PARAMETER = "lapsed_pushes"

    def value(self, input_dict, exec_properties):
        model = artifact_utils.get_single_instance(input_dict["model"])
        fingerprint = model_fingerprint(path_utils.serving_model_path(model.uri))
        with self._mlmd_connection as metadata:
            return _lapsed(metadata.store, exec_properties["push_destination"], fingerprint)


def _lapsed(store, destination: str, fingerprint: str) -> str:
    try:
        artifacts = store.get_artifacts_by_type(standard_artifacts.PushedModel.TYPE_NAME)
    except NotFoundError:
        return _NONE  # Nothing was ever pushed from this root.
    pushed = [
        artifact.custom_properties
        for artifact in artifacts
        if artifact.state == metadata_store_pb2.Artifact.LIVE
        and artifact.custom_properties["fingerprint"].string_value == fingerprint
    ]
    here = [
        properties
        for properties in pushed
        if properties["pushed_destination"].string_value
        == version_path(destination, int(properties["pushed_version"].string_value))
    ]
    versions = list_versions(destination)
    present = {v.path for v in versions if v.record and v.record.fingerprint == fingerprint}
    in_service = bool(versions) and versions[-1].path in present
    gone = [p for p in here if p["pushed_destination"].string_value not in present]
    lacking = [p for p in here if in_service and p["lacks_exports"].int_value == 1]
    return f"{len(gone)} gone, {len(lacking)} incomplete"
