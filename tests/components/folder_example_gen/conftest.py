"""Folders of small images, and the executor behind one call."""

from pathlib import Path

import pytest
from tfx.types import standard_artifacts

from components.folder_example_gen.component import FolderExampleGen_Executor
from settings.data import Features
from settings.sources import FolderSource
from tests.components.source_images import CLASSES, NUMBER, pairs_of, put


@pytest.fixture
def photos(tmp_path, many_images) -> Path:
    """`photos/<class>/<number>`, half of the images in each class, without any suffix."""
    folder = tmp_path / "photos"
    for number, content in enumerate(many_images):
        put(folder / CLASSES[number % 2] / f"{number}", content)
    return folder


@pytest.fixture
def split_photos(tmp_path, many_images) -> Path:
    """`split_photos/<split>/<class>/<number>`: ten images of train, four of each other split."""
    folder, numbers = tmp_path / "split_photos", iter(range(NUMBER))
    for split, count in {"train": 10, "validation": 4, "test": 4}.items():
        for number in [next(numbers) for _ in range(count)]:
            put(folder / split / CLASSES[number % 2] / f"{number}", many_images[number])
    return folder


@pytest.fixture
def ingest(tmp_path):
    """Runs the executor: `ingest(path, **keys of the source)` returns the artifact."""

    def run(path, beam_pipeline_args=(), fingerprint="", features=None, **keys):
        examples = standard_artifacts.Examples()
        examples.uri = str(tmp_path / "examples")
        context = FolderExampleGen_Executor.Context(beam_pipeline_args=list(beam_pipeline_args))
        properties = {
            "source": FolderSource.of(path=str(path), **keys).model_dump_json(),
            "features": Features.of(**features or {}).model_dump_json(),
            "fingerprint": fingerprint,
        }
        FolderExampleGen_Executor(context).Do({}, {"examples": [examples]}, properties)
        return examples

    return run


@pytest.fixture
def read():
    """{split: [(image, label)]} of an artifact, in the order of its shards."""
    return pairs_of
