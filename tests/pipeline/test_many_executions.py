"""A root that a schedule has used for years: the newest of its executions are read, not all."""

import pytest
from ml_metadata import MetadataStore
from ml_metadata.proto import metadata_store_pb2

from failures import Failure
from pipeline.recovery import clear_unfinished
from pipeline.transformed import train_files

STATES, EVENT = metadata_store_pb2.Execution, metadata_store_pb2.Event
MANY = 350


class Root:
    """A root whose executions tests add, in a real ML Metadata."""

    def __init__(self, folder):
        self.folder = folder
        connection = metadata_store_pb2.ConnectionConfig()
        connection.sqlite.filename_uri = str(folder / "metadata.sqlite")
        modes = metadata_store_pb2.SqliteMetadataSourceConfig
        connection.sqlite.connection_mode = modes.READWRITE_OPENCREATE
        self.store = MetadataStore(connection)

    def add(self, component, state, count=1):
        kind = metadata_store_pb2.ExecutionType(name=f"components.{component}")
        kind_id = self.store.put_execution_type(kind)
        made = [STATES(type_id=kind_id, last_known_state=state) for _ in range(count)]
        return self.store.put_executions(made)

    def give_examples(self, execution_id):
        """The train split of transformed examples, made by an execution."""
        folder = self.folder / "Transform" / "transformed_examples" / str(execution_id)
        kind = metadata_store_pb2.ArtifactType(name="Examples")
        artifact = metadata_store_pb2.Artifact(
            type_id=self.store.put_artifact_type(kind), uri=str(folder)
        )
        [artifact_id] = self.store.put_artifacts([artifact])
        event = EVENT(execution_id=execution_id, artifact_id=artifact_id, type=EVENT.OUTPUT)
        event.path.steps.add(key="transformed_examples")
        self.store.put_events([event])
        file = folder / "Split-train" / "data-00000-of-00001"
        file.parent.mkdir(parents=True)
        file.touch()
        return str(file)


@pytest.fixture
def root(tmp_path):
    return Root(tmp_path)


@pytest.fixture
def read(monkeypatch):
    """The ids of the executions that were read, one for each time."""
    read = []
    for name in ("get_executions", "get_executions_by_id"):
        monkeypatch.setattr(MetadataStore, name, _noting(getattr(MetadataStore, name), read))
    return read


def _noting(method, read):
    def call(*given, **more):
        found = method(*given, **more)
        read.extend(execution.id for execution in found)
        return found

    return call


def test_the_work_of_a_dead_run_is_found_among_the_newest(root, read):
    root.add("Trainer", STATES.COMPLETE, MANY)
    [dead] = root.add("Trainer", STATES.RUNNING)
    root.add("Evaluator", STATES.NEW)
    assert clear_unfinished(root.store, root.folder) == ["Trainer", "Evaluator"]
    assert len(read) < MANY / 2
    assert root.store.get_executions_by_id([dead])[0].last_known_state == STATES.FAILED


def test_the_newest_transformed_examples_are_found_without_reading_all_executions(root, read):
    root.add("Trainer", STATES.COMPLETE, MANY)
    older, newer, failed = root.add("Transform", STATES.COMPLETE, 2) + root.add(
        "Transform", STATES.FAILED
    )
    files = [root.give_examples(number) for number in (older, newer, failed)]
    assert train_files(root.folder) == [files[1]]
    assert len(read) < MANY / 2


def test_transformed_examples_are_found_however_many_executions_came_after_them(root):
    [made] = root.add("Transform", STATES.COMPLETE)
    file = root.give_examples(made)
    for component in ("Transform", "Trainer"):
        root.add(component, STATES.CACHED, MANY)
    assert train_files(root.folder) == [file]


@pytest.mark.parametrize("count", [0, MANY])
def test_a_root_without_transformed_examples_is_one_line(root, count):
    root.add("Trainer", STATES.COMPLETE, count)
    with pytest.raises(Failure, match="has no transformed examples to feed from"):
        train_files(root.folder)
