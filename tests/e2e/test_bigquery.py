"""A table of BigQuery from run to run: cached while it stays, and its past read again."""

import datetime
import json

import pytest
import yaml

from cli.command_line import main
from tests.bigquery_server import now
from tests.e2e.test_digits import results
from tests.kfp_rooms.test_folder_package import PHOTOS, shades


@pytest.mark.slow
def test_a_table_is_read_after_changes_alone_and_its_past_can_be_read_again(
    bigquery_server, tmp_path, capfd
):
    rows = [{"image": content, "label": path.split("/")[0]} for path, content in shades()]
    bigquery_server.put("rooms.shades", rows)
    data = {"source": "bigquery", "table": "my-project.rooms.shades"} | bigquery_server.keys()
    root, file = str(tmp_path / "run"), tmp_path / "shades.yaml"
    places = {"root": root, "push": {"destination": f"{root}/pushed"}, "kubeflow": {}}
    file.write_text(yaml.safe_dump(PHOTOS | {"data": data} | places))

    def run(*words) -> tuple[int, str]:
        capfd.readouterr()
        code = main([words[0], "--config", str(file), *words[1:]])
        said = capfd.readouterr()
        return code, said.out if words[0] == "lineage" else said.out + said.err

    for result in ("ran", "cached"):
        code, said = run("run")
        assert code == 0, said
        assert results(said)["BigqueryExampleGen"] == result
    assert len(bigquery_server.sessions) == 1

    code, said = run("lineage", "1", "--json")
    assert code == 0, said
    data = json.loads(said)["data"]
    assert data["dataset"].startswith("my-project.rooms.shades")
    page = min((tmp_path / "run" / "reports").glob("*.html")).read_text()
    assert "my-project.rooms.shades" in page
    assert f"read as of {data['snapshot']}" in page
    snapshot = datetime.datetime.fromisoformat(data["snapshot"])

    bigquery_server.put("rooms.shades", rows[:50] + rows[60:], now())
    code, said = run("run", "--from-model", "1")
    assert "The data differs" not in said, said
    assert code in (0, 1), said  # Threads may add up to another metric.
    last = bigquery_server.sessions[-1].read_session
    assert last.table_modifiers.snapshot_time == snapshot
