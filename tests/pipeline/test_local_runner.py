"""What this machine's runner keeps in memory from one step to the next, and reads of old runs."""

import gc

import pytest
from ml_metadata import MetadataStore
from ml_metadata.proto import metadata_store_pb2
from tfx.orchestration import metadata
from tfx.orchestration.pipeline import Pipeline

from components.examples.contents import ImageFiles
from components.folder_example_gen.component import FolderExampleGen
from components.statistics_gen.component import StatisticsGen
from pipeline.local_runner import LocalRunner
from settings.data import Features
from settings.sources import FolderSource
from tests.components.source_images import CLASSES, image_bytes, put

MANY = 350


class Observer:
    def __init__(self, finished):
        self.finished = finished

    def started(self, component):
        pass


class Root:
    """A root on which two components read photographs of a folder."""

    def __init__(self, folder):
        self.photos, self.folder = folder / "photos", folder / "root"
        for number in range(12):
            split = ("train", "validation", "test")[number // 4]
            put(self.photos / split / CLASSES[number % 2] / str(number), image_bytes(number))
        self.connection = metadata.sqlite_metadata_connection_config(
            str(folder / "metadata.sqlite")
        )

    def run(self, run_id, finished):
        source, features = FolderSource.of(path=str(self.photos)), Features()
        examples = FolderExampleGen(source=source, features=features)
        pipeline = Pipeline(
            "photos",
            str(self.folder),
            components=[
                examples,
                StatisticsGen(examples=examples.outputs["examples"], features=features),
            ],
            enable_cache=True,
            metadata_connection_config=self.connection,
        )
        LocalRunner(Observer(finished), run_id).run(pipeline)

    def repeat(self, count):
        """Adds so many runs of which every component was answered from the cache."""
        store, states = MetadataStore(self.connection), metadata_store_pb2.Execution
        [kind] = [one for one in store.get_context_types() if one.name == "pipeline_run"]
        runs = [metadata_store_pb2.Context(type_id=kind.id, name=f"run {n}") for n in range(count)]
        ids = store.put_contexts(runs)
        for execution in store.get_executions():
            contexts = store.get_contexts_by_execution(execution.id)
            kept = [context for context in contexts if context.type_id != kind.id]
            outputs = [
                (artifact, metadata_store_pb2.Event(type=event.type, path=event.path))
                for event in store.get_events_by_execution_ids([execution.id])
                for artifact in store.get_artifacts_by_id([event.artifact_id])
                if event.type == metadata_store_pb2.Event.OUTPUT
            ]
            execution.ClearField("id")
            execution.ClearField("name")
            execution.last_known_state = states.CACHED
            for run in store.get_contexts_by_id(ids):
                store.put_execution(execution, outputs, [*kept, run])


@pytest.fixture
def root(tmp_path):
    return Root(tmp_path)


def test_what_was_read_of_a_cached_source_is_gone_before_the_next_step(root):
    found = []

    def finished(outcome):
        gc.collect()
        read = [one for one in gc.get_objects() if type(one) is ImageFiles]
        kept = [one for one in read if one.folder == str(root.photos)]
        found.append((outcome.component, outcome.status, kept))

    for run_id in ("first", "second"):
        root.run(run_id, finished)
    assert found == [
        (component, status, [])
        for status in ("ran", "cached")
        for component in ("FolderExampleGen", "StatisticsGen")
    ]


@pytest.mark.slow
def test_a_run_reads_few_of_the_executions_of_the_runs_before(root, monkeypatch):
    root.run("first", lambda outcome: None)
    root.repeat(MANY)
    read, statuses = [], []
    from_store = MetadataStore.get_executions_by_context

    def note(*given, **more):
        found = from_store(*given, **more)
        read.extend(found)
        return found

    monkeypatch.setattr(MetadataStore, "get_executions_by_context", note)
    root.run("second", lambda outcome: statuses.append(outcome.status))
    assert statuses == ["cached", "cached"]
    assert len(read) < MANY
