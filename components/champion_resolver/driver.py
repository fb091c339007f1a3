"""Which version a challenger is compared with, and how that travels from driver to executor."""

from tfx.types import artifact_utils
from tfx.utils import path_utils

from components.cache_driver import CacheDriver
from components.model_store.model_files import model_fingerprint
from components.model_store.versions import Version, champion_of, list_versions
from failures import Failure

_NONE = "none"


class Driver(CacheDriver):
    """The cache is used exactly as long as the champion does not change."""

    PARAMETER = "resolved"

    def value(self, input_dict, exec_properties):
        challenger = artifact_utils.get_single_instance(input_dict["model"])
        return as_text(resolve(challenger, exec_properties["push_destination"]))


def resolve(challenger, push_destination: str) -> Version | None:
    """The version that the challenger, a Model, has to be compared with, if there is one."""
    fingerprint = model_fingerprint(path_utils.serving_model_path(challenger.uri))
    return champion_of(push_destination, fingerprint)


def as_text(found: Version | None) -> str:
    """ "<version> <fingerprint>" or "none"."""
    return f"{found.number} {found.fingerprint}" if found else _NONE


def version_of(text: str, push_destination: str) -> Version | None:
    """The version that `as_text` described.

    Raises:
      Failure: it is not there any more.
    """
    if text == _NONE:
        return None
    for version in list_versions(push_destination):
        if as_text(version) == text:
            return version
    raise Failure(
        f"Version {text.split()[0]} vanished from {push_destination} while ChampionResolver read "
        "it. Run again."
    )
