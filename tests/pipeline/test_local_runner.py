"""What this machine's runner keeps in memory from one step to the next."""

import gc

from tfx.orchestration import metadata
from tfx.orchestration.pipeline import Pipeline

from components.examples.contents import ImageFiles
from components.folder_example_gen.component import FolderExampleGen
from pipeline.local_runner import LocalRunner
from settings.data import Features
from settings.sources import FolderSource
from tests.components.source_images import CLASSES, image_bytes, put


def test_what_was_read_of_a_cached_source_is_gone_before_the_next_step(tmp_path):
    photos, connection = tmp_path / "photos", tmp_path / "metadata.sqlite"
    for number in range(12):
        split = ("train", "validation", "test")[number // 4]
        put(photos / split / CLASSES[number % 2] / str(number), image_bytes(number))
    found = []

    class Observer:
        def started(self, component):
            pass

        def finished(self, outcome):
            gc.collect()
            read = [one for one in gc.get_objects() if type(one) is ImageFiles]
            found.append((outcome.status, [one for one in read if one.folder == str(photos)]))

    for run_id in ("first", "second"):
        source = FolderSource.of(path=str(photos))
        pipeline = Pipeline(
            "photos",
            str(tmp_path / "root"),
            components=[FolderExampleGen(source=source, features=Features())],
            enable_cache=True,
            metadata_connection_config=metadata.sqlite_metadata_connection_config(str(connection)),
        )
        LocalRunner(Observer(), run_id).run(pipeline)
    assert found == [("ran", []), ("cached", [])]
