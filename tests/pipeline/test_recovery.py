"""What a killed run leaves is removed, and finished work is not touched."""

import ml_metadata as mlmd
import pytest
from ml_metadata.proto import metadata_store_pb2

from pipeline.recovery import clear_unfinished

STATES = metadata_store_pb2.Execution


@pytest.fixture
def store():
    config = metadata_store_pb2.ConnectionConfig()
    config.fake_database.SetInParent()
    return mlmd.MetadataStore(config)


def put_execution(store, root, state):
    kind = metadata_store_pb2.ExecutionType(name="components.trainer.component.Trainer")
    execution = STATES(type_id=store.put_execution_type(kind), last_known_state=state)
    [number] = store.put_executions([execution])
    folders = [
        root / "Trainer" / "model" / str(number),
        root / "Trainer" / ".system" / "executor_execution" / str(number),
    ]
    for folder in folders:
        folder.mkdir(parents=True)
        (folder / "file").touch()
    return number, folders


@pytest.mark.parametrize("state", [STATES.NEW, STATES.RUNNING])
def test_the_work_of_a_dead_run_is_marked_as_failed_and_removed(store, tmp_path, state):
    number, folders = put_execution(store, tmp_path, state)
    assert clear_unfinished(store, tmp_path) == ["Trainer"]
    [execution] = store.get_executions_by_id([number])
    assert execution.last_known_state == STATES.FAILED
    assert not any(folder.exists() for folder in folders)
    assert clear_unfinished(store, tmp_path) == []


@pytest.mark.parametrize("state", [STATES.COMPLETE, STATES.CACHED, STATES.FAILED])
def test_finished_work_is_left_alone(store, tmp_path, state):
    _, folders = put_execution(store, tmp_path, state)
    assert clear_unfinished(store, tmp_path) == []
    assert all(folder.exists() for folder in folders)


def test_what_a_root_holds_besides_is_left_alone_whatever_its_name(store, tmp_path):
    number, _ = put_execution(store, tmp_path, STATES.RUNNING)
    others = [
        tmp_path / "digits" / "pushed" / str(number),
        tmp_path / ".git" / "objects" / str(number),
        tmp_path / "photos" / ".system" / "class" / str(number),
    ]
    for folder in others:
        folder.mkdir(parents=True)
    clear_unfinished(store, tmp_path)
    assert all(folder.exists() for folder in others)
