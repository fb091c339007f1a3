"""ChampionResolver: the model in service, as an input for the Evaluator."""

import os

from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.types.standard_artifacts import Model
from tfx.utils import path_utils

from components.champion_resolver.driver import Driver, resolve, version_of
from components.champion_resolver.reading import NOTE_FILE
from components.model_store.model_files import copy_model
from components.typed_component import component
from files import writing
from files.strict_json import text_of


@component(driver=Driver)
def ChampionResolver(
    model: InputArtifact[Model],
    champion: OutputArtifact[Model],
    push_destination: Parameter[str],
    resolved: Parameter[str] = "",
):
    """Finds the model that a challenger is compared with, and copies it.

    It reads the push destination and no metadata, so it is the same on every runner; a TFX
    Resolver does not run on open-source Kubeflow. The champion is the highest version or, for
    a challenger that is pushed already, the version before it: a run repeated after its push
    gets the same answer and is cached.

    Args:
      champion: the SavedModel below `Format-Serving/`, and property `found` 1, with
        `version`, `version_path` and `fingerprint`; before the first push `found` is 0 and
        there is no model.
      push_destination: folder with one folder a version, TensorFlow Serving's layout.
      resolved: the driver's answer, where a driver runs: the cache key holds that one.
    """
    found = version_of(resolved, push_destination) if resolved else resolve(model, push_destination)
    note = {"found": found is not None}
    champion.set_int_custom_property("found", int(note["found"]))
    if found:
        copy_model(found.path, path_utils.serving_model_dir(champion.uri))
        note |= {"version": found.number, "version_path": found.path}
        champion.set_int_custom_property("version", found.number)
        champion.set_string_custom_property("version_path", found.path)
        champion.set_string_custom_property("fingerprint", found.fingerprint)
    summary = f"version {found.number}" if found else "none yet"
    champion.set_string_custom_property("summary", summary)
    # An object store keeps no empty folder, so the artifact always holds one file.
    writing.write(os.path.join(champion.uri, NOTE_FILE), text_of(note))
