"""What made a version that a cluster pushed, from the version's own record: no ML Metadata."""

import json

import pytest

from cli.command_line import main
from components.model_store.publish import publish
from components.model_store.versions import PushRecord
from files.strict_json import text_of
from settings.reading import load

DATA = {"dataset": "/data/{SPAN}", "fingerprint": "d" * 64, "counts": {"train": 80, "test": 20}}
SPANS = [{"span": 7, "version": None, "name": "7", "examples": 100}]
AT_THREE = {"trigger": "schedule", "scheduled_time": "2026-11-21T03:00:00Z"}


@pytest.fixture
def pushed(tmp_path):
    """A function: the origin's texts of a version → the words that name its configuration."""

    def push(**texts):
        here = [f"root={tmp_path}", f"push.destination={tmp_path}/pushed"]
        kept = load("configs/digits.yaml", here).model_dump(mode="json", by_alias=True)
        origin = {"git_commit": "0123abc", "git_state": "clean", "configuration": text_of(kept)}
        origin |= {"lock_sha256": "e" * 64, "data": text_of(DATA), "spans": text_of(SPANS), **texts}
        (tmp_path / "model").mkdir()
        (tmp_path / "model" / "saved_model.pb").touch()
        uri = "s3://runs/digits/r-1/Trainer/model"
        record = PushRecord("f" * 64, uri, "2026-11-21T03:20:00+00:00", run="r-1", origin=origin)
        publish(str(tmp_path / "model"), f"{tmp_path}/pushed", record)
        return ["--config", "configs/digits.yaml", *(w for one in here for w in ("--set", one))]

    return push


def test_a_scheduled_run_is_named_with_its_time_its_link_and_its_data(pushed, capsys, monkeypatch):
    monkeypatch.setenv("KF_PIPELINES_ENDPOINT", "https://kubeflow.example/")
    assert main(["lineage", "1", *pushed(**AT_THREE), "--json"]) == 0

    lineage = json.loads(capsys.readouterr().out)
    assert lineage["model"] == "s3://runs/digits/r-1/Trainer/model"
    assert lineage["run_link"] == "https://kubeflow.example/#/runs/details/r-1"
    assert (lineage["trigger"], lineage["scheduled_time"]) == tuple(AT_THREE.values())
    assert lineage["data"] == DATA | {"spans": SPANS, "snapshot": None, "uri": None}
    assert lineage["git_commit"] == "0123abc"


@pytest.mark.parametrize(
    ("texts", "started"),
    [
        ({"trigger": "manual"}, "by hand"),
        (AT_THREE, "by its schedule, for 2026-11-21T03:00:00Z"),
    ],
)
def test_a_run_by_hand_can_be_told_from_a_scheduled_one(pushed, capsys, texts, started):
    assert main(["lineage", "1", *pushed(**texts)]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert f"started           {started}" in lines
    assert "data              /data/{SPAN}, train 80, test 20" in lines
    assert "spans             7" in lines


def test_a_password_in_the_servers_address_is_not_printed(pushed, capsys, monkeypatch):
    monkeypatch.setenv("KF_PIPELINES_UI_ENDPOINT", "https://ann:secret@kubeflow.example")
    assert main(["lineage", "1", *pushed(**AT_THREE)]) != 0
    said = capsys.readouterr()
    assert "secret" not in said.out + said.err
    assert "KF_PIPELINES_UI_ENDPOINT: the address contains a password" in said.err


def test_an_address_without_a_scheme_gives_a_link_too(pushed, capsys, monkeypatch):
    monkeypatch.setenv("KF_PIPELINES_ENDPOINT", "kubeflow.example:8888")
    assert main(["lineage", "1", *pushed(**AT_THREE), "--json"]) == 0
    link = json.loads(capsys.readouterr().out)["run_link"]
    assert link == "https://kubeflow.example:8888/#/runs/details/r-1"
