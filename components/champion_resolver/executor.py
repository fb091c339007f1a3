"""Finds the champion in the push destination and brings its model into the pipeline."""

import json
import os

from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import path_utils

from components.model_store.copying import copy_model
from components.model_store.fingerprint import model_fingerprint
from components.model_store.versions import Version, champion_of, list_versions
from failures import Failure
from files import writing

CHAMPION_KEY = "champion"  # The driver's answer: "<version> <fingerprint>" or "none".


class Executor(base_executor.BaseExecutor):
    """Executor of ChampionResolver."""

    def Do(self, input_dict, output_dict, exec_properties):
        """Copies the champion's SavedModel to the output artifact.

        Args:
          input_dict: `model`, the challenger.
          output_dict: `champion`, a Model. Custom properties: `found` (0 or 1) and,
            when found, `version`, `version_path` and `fingerprint`.
          exec_properties: `push_destination`.
        """
        output = artifact_utils.get_single_instance(output_dict["champion"])
        champion = _answer(input_dict, exec_properties)
        output.set_int_custom_property("found", int(champion is not None))
        if champion:
            copy_model(champion.path, path_utils.serving_model_dir(output.uri))
            output.set_int_custom_property("version", champion.number)
            output.set_string_custom_property("version_path", champion.path)
            output.set_string_custom_property("fingerprint", champion.fingerprint)
        summary = f"version {champion.number}" if champion else "none yet"
        output.set_string_custom_property("summary", summary)
        _write_note(output.uri, champion)


def resolve(input_dict, exec_properties) -> Version | None:
    """The version that the challenger has to be compared with, if there is one."""
    challenger = artifact_utils.get_single_instance(input_dict["model"])
    fingerprint = model_fingerprint(path_utils.serving_model_path(challenger.uri))
    return champion_of(exec_properties["push_destination"], fingerprint)


def _answer(input_dict, exec_properties) -> Version | None:
    """The driver's answer where there was a driver: the cache key stands for that one."""
    if CHAMPION_KEY not in exec_properties:
        return resolve(input_dict, exec_properties)
    if exec_properties[CHAMPION_KEY] == "none":
        return None
    number, fingerprint = exec_properties[CHAMPION_KEY].split()
    for version in list_versions(exec_properties["push_destination"]):
        if version.number == int(number) and version.fingerprint == fingerprint:
            return version
    raise Failure(
        f"Version {number} vanished from {exec_properties['push_destination']} while "
        "ChampionResolver read it. Run again."
    )


def _write_note(uri: str, champion: Version | None) -> None:
    """An object store keeps no empty folder, so the artifact always holds one file."""
    note = {"found": champion is not None}
    if champion:
        note |= {"version": champion.number, "version_path": champion.path}
    writing.write(os.path.join(uri, "champion.json"), json.dumps(note))
