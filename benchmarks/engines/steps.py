"""The components that work on Beam, each run alone on an engine, with one run's inputs."""

import os
import time
from pathlib import Path

from tfx.types import artifact_utils

from components.engine_arguments import beam_arguments
from pipeline.create_pipeline import create_pipeline
from pipeline.metadata_store import open_store
from settings.beam import Beam

NAMES = ("TfdsExampleGen", "StatisticsGen", "Transform", "Evaluator")


class Steps:
    """The four components of a configuration that has run once under its root."""

    def __init__(self, configuration):
        made = create_pipeline(configuration).components
        self._components = {one.id: one for one in made if one.id in NAMES}
        self._made = _artifacts_by_place(configuration.root)

    def run(self, name: str, beam: Beam, folder: Path) -> float:
        """Runs a component into `<folder>/<output>`; returns its seconds."""
        component = self._components[name]
        inputs = {
            key: [self._made[channel.producer_component_id, channel.output_key]]
            for key, channel in component.inputs.items()
        }
        outputs = {}
        for key, channel in component.outputs.items():
            made = channel.type()
            made.uri = str(folder / key)
            os.makedirs(made.uri)
            outputs[key] = [made]
        executor = component.executor_spec.executor_class
        context = executor.Context(beam_pipeline_args=beam_arguments(beam), tmp_dir=str(folder))
        began = time.perf_counter()
        executor(context).Do(inputs, outputs, dict(component.exec_properties))
        return time.perf_counter() - began


def _artifacts_by_place(root: str) -> dict:
    """{(component, output): the artifact} of the only run."""
    store, found = open_store(root), {}
    kinds = {kind.id: kind for kind in store.get_artifact_types()}
    for artifact in store.get_artifacts():
        read = artifact_utils.deserialize_artifact(kinds[artifact.type_id], artifact)
        component, output = Path(artifact.uri).relative_to(Path(root).absolute()).parts[:2]
        found[component, output] = read
    return found
