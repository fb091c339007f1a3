"""A driver decides for a notebook as it does for a pipeline."""

import itertools
import json

import pytest
from tfx.orchestration import data_types, metadata
from tfx.orchestration.launcher.in_process_component_launcher import InProcessComponentLauncher

from components.folder_example_gen.component import FolderExampleGen
from tests.components.source_images import CLASSES, image_bytes, put


@pytest.fixture
def run_cell(tmp_path):
    """A function (component) → its outputs, as InteractiveContext of TFX runs it."""
    connection = metadata.sqlite_metadata_connection_config(str(tmp_path / "metadata.sqlite"))
    numbers = itertools.count()

    def run(component):
        info = InProcessComponentLauncher.create(
            component,
            data_types.PipelineInfo("notebook", str(tmp_path / "root"), f"run-{next(numbers)}"),
            data_types.DriverArgs(enable_cache=True, interactive_resolution=True),
            metadata.Metadata(connection),
            beam_pipeline_args=[],
            additional_pipeline_args={},
        ).launch()
        return {name: artifact for name, [artifact] in info.output_dict.items()}

    return run


def test_a_cell_of_a_notebook_reads_a_folder_again_once_it_has_changed(tmp_path, run_cell):
    photos = tmp_path / "photos"
    for number in range(6):
        split = ("train", "validation", "test")[number // 2]
        put(photos / split / CLASSES[number % 2] / str(number), image_bytes(number))

    def examples():
        return run_cell(FolderExampleGen(path=str(photos)))["examples"]

    first = examples()
    assert examples().uri == first.uri
    put(photos / "train" / CLASSES[0] / "new", image_bytes(9))
    counts = json.loads(examples().get_string_custom_property("counts"))
    assert counts == {"train": 3, "validation": 2, "test": 2}
