"""A blessed model becomes the next version; a repeated run is cached while it is there."""

import json
import shutil

import pytest
from ml_metadata.proto import metadata_store_pb2
from tfx.dsl.components.common import importer
from tfx.orchestration import metadata, pipeline
from tfx.orchestration.local import local_dag_runner
from tfx.types import standard_artifacts

from components.champion_resolver.component import ChampionResolver
from components.model_store.restoring import roll_back
from components.model_store.versions import list_versions, newest
from components.pusher.component import Pusher, Pusher_Executor
from failures import Failure
from tests.components.model_store.tiny_model import answer_of, save_tiny_model


@pytest.fixture
def model(tmp_path):
    return save_model(tmp_path / "model", 1)


@pytest.fixture
def destination(tmp_path):
    return str(tmp_path / "pushed")


def save_model(folder, value):
    save_tiny_model(folder / "Format-Serving", value)
    return folder


def bless(folder, blessed=True, reasons=(), metrics=None):
    folder.mkdir()
    (folder / ("BLESSED" if blessed else "NOT_BLESSED")).touch()
    verdict = {"blessed": blessed, "reasons": list(reasons), "metrics": metrics or {}}
    verdict["champion_metrics"] = {}
    (folder / "blessing.json").write_text(json.dumps(verdict))
    return folder


def artifact(kind, folder):
    made = kind()
    made.uri = str(folder)
    return made


def push(model, blessing, destination, folder):
    output = artifact(standard_artifacts.PushedModel, folder)
    folder.mkdir()
    outputs = {"pushed_model": [output]}
    Pusher_Executor().Do(
        {
            "model": [artifact(standard_artifacts.Model, model)],
            "blessing": [artifact(standard_artifacts.ModelBlessing, blessing)],
        },
        outputs,
        {"push_destination": destination},
    )
    return outputs["pushed_model"][0]


def test_a_blessed_model_becomes_version_one_with_a_record(model, destination, tmp_path):
    blessing = bless(tmp_path / "blessing", metrics={"accuracy": 0.98})
    output = push(model, blessing, destination, tmp_path / "out")
    assert output.get_int_custom_property("pushed") == 1
    assert output.get_string_custom_property("pushed_version") == "1"
    assert output.get_string_custom_property("pushed_destination") == f"{destination}/1"
    assert output.get_string_custom_property("summary") == f"version 1 → {destination}/1"
    [version] = list_versions(destination)
    assert answer_of(version.path) == 1
    assert version.record.model_uri == str(model)
    assert version.record.metrics == {"accuracy": 0.98}


def test_a_model_that_is_not_blessed_is_not_pushed_and_the_reason_is_shown(
    model, destination, tmp_path
):
    blessing = bless(tmp_path / "blessing", False, ["accuracy 0.91 is below 0.97"])
    output = push(model, blessing, destination, tmp_path / "out")
    assert output.get_int_custom_property("pushed") == 0
    summary = output.get_string_custom_property("summary")
    assert summary == "not pushed: accuracy 0.91 is below 0.97"
    assert newest(destination) is None


def test_a_blessing_without_our_notes_is_enough(model, destination, tmp_path):
    (tmp_path / "blessing").mkdir()
    (tmp_path / "blessing" / "BLESSED").touch()
    push(model, tmp_path / "blessing", destination, tmp_path / "out")
    assert newest(destination).number == 1


def test_a_model_that_a_killed_run_pushed_is_adopted(model, destination, tmp_path):
    blessing = bless(tmp_path / "blessing")
    push(model, blessing, destination, tmp_path / "of the killed run")
    output = push(model, blessing, destination, tmp_path / "out")
    assert output.get_string_custom_property("pushed_version") == "1"
    assert len(list_versions(destination)) == 1


def test_a_destination_that_cannot_be_written_is_a_failure(model, tmp_path):
    (tmp_path / "file").write_text("")
    blessing = bless(tmp_path / "blessing")
    with pytest.raises(Failure, match="cannot be written"):
        push(model, blessing, str(tmp_path / "file"), tmp_path / "out")


class Root:
    """A pipeline of the two components that read and write the destination."""

    def __init__(self, folder, destination):
        self.config = metadata.sqlite_metadata_connection_config(str(folder / "metadata.sqlite"))
        self.folder, self.destination = folder, destination

    def run(self, model, blessing, infra_blessing=None):
        """Runs once; gives back component id to "ran" or "cached"."""
        before = {execution.id for execution in self._executions()}
        local_dag_runner.LocalDagRunner().run(self._pipeline(model, blessing, infra_blessing))
        return {
            kind: self._state(execution)
            for execution in self._executions()
            if execution.id not in before and (kind := self._type(execution)) in RAN
        }

    def _pipeline(self, model, blessing, infra_blessing):
        sources = {
            name: importer.Importer(source_uri=str(uri), artifact_type=kind).with_id(name)
            for name, uri, kind in [
                ("model", model, standard_artifacts.Model),
                ("blessing", blessing, standard_artifacts.ModelBlessing),
                ("infra_blessing", infra_blessing, standard_artifacts.InfraBlessing),
            ]
            if uri
        }
        given = {name: source.outputs["result"] for name, source in sources.items()}
        resolver = ChampionResolver(model=given["model"], push_destination=self.destination)
        pusher = Pusher(**given, push_destination=self.destination)
        pusher.add_upstream_node(resolver)
        return pipeline.Pipeline(
            pipeline_name="push",
            pipeline_root=str(self.folder / "root"),
            metadata_connection_config=self.config,
            components=[*sources.values(), resolver, pusher],
            enable_cache=True,
        )

    def _executions(self):
        with metadata.Metadata(self.config) as handle:
            return handle.store.get_executions()

    def _type(self, execution):
        with metadata.Metadata(self.config) as handle:
            [kind] = handle.store.get_execution_types_by_id([execution.type_id])
        return kind.name.rsplit(".", 1)[-1]

    def _state(self, execution):
        cached = execution.last_known_state == metadata_store_pb2.Execution.CACHED
        return "cached" if cached else "ran"


RAN = {"ChampionResolver": "ran", "Pusher": "ran"}
CACHED = {"ChampionResolver": "cached", "Pusher": "cached"}


@pytest.fixture
def root(tmp_path, destination):
    (tmp_path / "pipeline").mkdir()
    return Root(tmp_path / "pipeline", destination)


def test_a_repeated_run_is_cached_and_a_new_model_is_not(root, model, destination, tmp_path):
    blessing = bless(tmp_path / "blessing")
    assert root.run(model, blessing) == RAN
    assert root.run(model, blessing) == CACHED
    other = save_model(tmp_path / "other", 2)
    assert root.run(other, blessing) == RAN
    assert root.run(other, blessing) == CACHED
    assert root.run(model, blessing) == CACHED
    assert [version.number for version in list_versions(destination)] == [1, 2]


def test_a_version_that_was_removed_is_pushed_again(root, model, destination, tmp_path):
    blessing = bless(tmp_path / "blessing")
    root.run(model, blessing)
    shutil.rmtree(destination)
    assert root.run(model, blessing) == {"ChampionResolver": "cached", "Pusher": "ran"}
    assert answer_of(newest(destination).path) == 1
    assert root.run(model, blessing) == CACHED


def test_a_new_format_undoes_no_rollback_and_comes_once_its_model_is_in_service_again(
    root, model, destination, tmp_path
):
    blessing, checked = bless(tmp_path / "blessing"), tmp_path / "checked"
    (checked / "beside" / "exports").mkdir(parents=True)
    (checked / "beside" / "exports" / "float16.tflite").touch()
    (checked / "INFRA_BLESSED").touch()
    root.run(save_model(tmp_path / "sound", 2), blessing)
    root.run(model, blessing)
    roll_back(destination)
    assert root.run(model, blessing, checked)["Pusher"] == "ran"
    assert answer_of(newest(destination).path) == 2
    assert root.run(model, blessing, checked)["Pusher"] == "cached"

    roll_back(destination, 2)
    assert root.run(model, blessing, checked)["Pusher"] == "ran"
    assert root.run(model, blessing, checked)["Pusher"] == "cached"
    made = [version.record.exports for version in list_versions(destination)]
    assert made == [(), (), (), (), ("exports/float16.tflite",)]
    assert answer_of(newest(destination).path) == 1
