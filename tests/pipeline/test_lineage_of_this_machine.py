"""What made a version that this machine pushed, from the ML Metadata of its root alone."""

import json
import shutil
from pathlib import Path

import pytest
from ml_metadata.proto import metadata_store_pb2

from cli.command_line import main
from components.model_store.publish import publish
from components.model_store.versions import PushRecord
from tests.report.report_runs import Root

FIRST, SECOND = "2026-11-20T02:00:00", "2026-11-21T02:00:00"
TRAINED = {"Trainer": {"outputs": {"model": {"saved_model.pb": b""}}}}
PLACES = ("--config", "configs/digits.yaml", "--set", "root=runs", "--set", "push.destination=out")


@pytest.fixture
def new_root(tmp_path, monkeypatch):
    """A function that makes the root `runs` of the working folder, in place of an earlier one."""
    (tmp_path / "configs").symlink_to(Path("configs").resolve())
    monkeypatch.chdir(tmp_path)

    def make():
        shutil.rmtree("runs", ignore_errors=True)
        Path("runs").mkdir()
        return Root(Path("runs"))

    return make


def push(run_id, **origin):
    """Pushes the root's one model, as the run does; the address is relative as the root is."""
    [model] = Path("runs").glob("Trainer/model/*")
    at = "2026-11-21T03:20:00+00:00"
    record = PushRecord(f"made in {run_id}", str(model), at, run=run_id, origin=origin)
    publish(str(model), "out", record)


def test_a_version_of_an_earlier_metadata_sqlite_is_not_taken_for_one_of_this(new_root, capsys):
    for run_id in (FIRST, SECOND):
        new_root().add_run(run_id, TRAINED, git_commit=run_id)
        push(run_id)

    for words in (["lineage", "1"], ["run", "--from-model", "1"]):
        assert main([*words, *PLACES]) == 1
        [said] = capsys.readouterr().err.splitlines()
        assert "runs/metadata.sqlite does not know " in said
        assert FIRST in said
    assert main(["lineage", "2", *PLACES, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["git_commit"] == SECOND


def test_a_version_of_a_cached_model_has_the_settings_of_the_run_that_pushed_it(new_root, capsys):
    root, cached = new_root(), {"state": metadata_store_pb2.Execution.CACHED}
    trainer = TRAINED["Trainer"]
    for run_id, step, formats in ((FIRST, trainer, []), (SECOND, trainer | cached, ["onnx"])):
        settings = root.configuration.model_dump(mode="json", by_alias=True)
        settings["serving"]["export"] = formats
        origin = {"configuration": json.dumps(settings), "git_commit": run_id}
        own_code = {"own_code": f"kit.metrics: {formats}"} if formats else {}
        root.add_run(run_id, {"Trainer": step}, **origin, **own_code)
        push(run_id)

    for number, formats in enumerate(([], ["onnx"]), start=1):
        assert main(["lineage", str(number), *PLACES, "--json"]) == 0
        lineage = json.loads(capsys.readouterr().out)
        assert lineage["configuration"]["serving"]["export"] == formats
        assert lineage["own_code"] == (f"kit.metrics: {formats}" if formats else None)
        assert lineage["git_commit"] == lineage["run"] == FIRST


def test_a_model_that_began_with_weights_of_another_has_the_origin_of_its_run(new_root, capsys):
    new_root().add_run(FIRST, TRAINED, git_commit="c0ffee")
    push(FIRST, first_weights="pushed/3", first_weights_sha256="0" * 64)

    assert main(["lineage", "1", *PLACES, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["git_commit"] == "c0ffee"
