"""A package whose data is a table of BigQuery: the same table, and no credentials, in a pod."""

import json

import pytest
import yaml

from kfp.compile_package import compile_package
from kfp.image_tag import PROJECT
from kfp.package_rules import read_package
from kfp.run_package import run_package
from settings.reading import load
from tests.kfp_rooms.test_folder_package import PHOTOS, shades

TABLE = "my-project.rooms.shades"


def package_of(tmp_path, *overrides, **data):
    given = PHOTOS | {"data": {"source": "bigquery", **data}, "kubeflow": {}}
    file = tmp_path / "shades.yaml"
    file.write_text(yaml.safe_dump(given))
    return compile_package(load(file, overrides), tmp_path / "package.yaml")


@pytest.mark.slow
def test_a_package_names_the_table_and_nobodys_credentials(tmp_path, monkeypatch):
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/home/ann/key.json")
    path = package_of(tmp_path, "kubeflow.parameters={table: data.table}", table=TABLE)
    spec, _ = read_package(path)
    for task in ("DataFingerprint", "BigqueryExampleGen"):
        given = spec["root"]["dag"]["tasks"][task]["inputs"]["parameters"]
        assert given["source__table"] == {"componentInputParameter": "table"}
    assert spec["root"]["inputDefinitions"]["parameters"]["table"]["defaultValue"] == TABLE
    assert "key.json" not in path.read_text()


@pytest.mark.slow
def test_the_past_of_a_table_never_changes_so_the_cluster_may_cache_it(tmp_path):
    spec, _ = read_package(package_of(tmp_path, table=TABLE, snapshot="2026-11-26T09:30:00Z"))
    assert spec["root"]["dag"]["tasks"]["BigqueryExampleGen"]["cachingOptions"]
    assert "DataFingerprint" not in spec["root"]["dag"]["tasks"]


def test_a_query_travels_in_the_package_and_is_asked_in_every_run(tmp_path):
    spec, _ = read_package(package_of(tmp_path, query="SELECT 1"))
    task = spec["root"]["dag"]["tasks"]["BigqueryExampleGen"]
    source = task["inputs"]["parameters"]["source"]["runtimeValue"]["constant"]
    assert json.loads(source)["query"] == "SELECT 1"
    assert not task["cachingOptions"]


@pytest.mark.slow
def test_an_unchanged_table_is_read_and_trained_on_once(
    tmp_path, run_before, bigquery_server, monkeypatch
):
    # How a trained model is pushed: test_folder_package.py.
    monkeypatch.chdir(PROJECT)
    rows = [{"image": content, "label": path.split("/")[0]} for path, content in shades()]
    bigquery_server.put("rooms.shades", rows)
    package = package_of(tmp_path, table=TABLE, **bigquery_server.keys())
    given = {"run_command": run_before("Evaluator"), "reuse": True}
    run = run_package(package, [], "minio://bucket/runs", tmp_path / "work", **given)

    assert run.outcomes[1].component == "BigqueryExampleGen"
    assert run.outcomes[1].made == "120 examples in 3 splits"
    again = run_package(package, [], "minio://bucket/runs", tmp_path / "work", **given)
    assert again.made["Trainer"] == run.made["Trainer"]
