"""`models` tells and changes what is pushed; a closed pipe ends any verb quietly."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cli.command_line import main
from components.model_store.publish import publish
from components.model_store.versions import PushRecord
from tests.components.model_store.tiny_model import save_tiny_model

ROOT = Path(__file__).resolve().parents[2]
MINUTES = ("2026-11-20T10:00:00+00:00", "2026-11-20T11:00:00+00:00", "2026-11-20T12:00:00+00:00")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_tiny_model(tmp_path_factory.mktemp("model") / "tiny", 1)


@pytest.fixture
def store(model, tmp_path, capsys):
    """A push destination with three versions, and `models` on it: (*words) → (code, out, err)."""
    destination = str(tmp_path / "pushed")
    for number, minute in enumerate(MINUTES, 1):
        metrics = {"accuracy": 0.9 + number / 100, "loss": 0.5 / number, "macro_f1": 0.25}
        record = PushRecord(f"fingerprint-{number}", f"root/Trainer/model/{number}", minute,
                            metrics, run=f"run-{number}")  # fmt: skip
        publish(model, destination, record)

    def models(action, *words):
        code = main(["models", action, *words, "--destination", destination])
        captured = capsys.readouterr()
        return code, captured.out.replace(destination, "PUSHED"), captured.err

    return models


def test_list_names_each_version_its_time_and_metrics_and_the_one_in_service(store):
    assert store("list") == (
        0,
        "version 1     2026-11-20T10:00:00+00:00  accuracy 0.9100  loss 0.5000\n"
        "version 2     2026-11-20T11:00:00+00:00  accuracy 0.9200  loss 0.2500\n"
        "version 3     2026-11-20T12:00:00+00:00  accuracy 0.9300  loss 0.1667  in service\n",
        "",
    )


def test_show_names_what_made_a_version_and_every_metric(store):
    assert store("show", "2") == (
        0,
        "version 2     2026-11-20T11:00:00+00:00  accuracy 0.9200  loss 0.2500\n"
        "  path                   PUSHED/2\n"
        "  fingerprint            fingerprint-2\n"
        "  model_uri              root/Trainer/model/2\n"
        "  run                    run-2\n"
        "  accuracy               0.92\n"
        "  loss                   0.25\n"
        "  macro_f1               0.25\n",
        "",
    )


def test_json_says_the_same(store):
    _, out, _ = store("list", "--json")
    versions = json.loads(out)
    assert [one["version"] for one in versions] == [1, 2, 3]
    assert [one["in_service"] for one in versions] == [False, False, True]
    _, out, _ = store("show", "3", "--json")
    assert json.loads(out) == versions[2]
    assert versions[2]["metrics"]["macro_f1"] == 0.25


def test_a_rollback_is_reported_listed_and_undone(store):
    code, out, _ = store("rollback", "1")
    assert (code, out) == (
        0,
        "Version 1 serves again, as version 4.\nTo undo this: models rollback 3\n",
    )
    last = store("list")[1].splitlines()[-1]
    assert re.match(r"version 4 .* accuracy 0\.9100 .* from version 1 +in service$", last)
    assert "Version 3 serves again, as version 5." in store("rollback")[1]


def test_a_pinned_version_is_listed_and_outlives_prune(store):
    assert store("pin", "1")[1] == "Version 1 is pinned: it is never pruned.\n"
    assert store("list")[1].splitlines()[0].endswith("pinned")
    store("rollback", "1")
    store("rollback")
    code, out, _ = store("prune", "--keep", "1", "--grace-seconds", "0")
    assert code == 0
    assert re.match(r"Removed: 2(, \d)*\. Left: \d\.$", out.strip())
    assert "version 1 " in store("list")[1]
    assert store("unpin", "1")[1] == "Version 1 is not pinned.\n"


def test_a_version_that_is_not_there_is_one_line_with_those_that_are(store):
    code, out, err = store("show", "9")
    assert (code, out) == (1, "")
    assert re.match(r"steadyfeed: .* holds no version 9\. It holds: 1, 2, 3\. Name one", err)
    assert err.count("\n") == 1


def test_an_empty_destination_is_reported(tmp_path, capsys):
    assert main(["models", "list", "--destination", str(tmp_path / "none")]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'none'} holds no version yet.\n"
    assert main(["models", "show", "--destination", str(tmp_path / "none"), "3"]) == 1
    assert capsys.readouterr().err.endswith("holds no version 3. Run the pipeline first.\n")


@pytest.mark.slow
@pytest.mark.parametrize("action", [["list"], ["pin", "1"], ["rollback"], ["prune"]])
@pytest.mark.parametrize("place", ["s3://bucket/models", "FILE"])
def test_a_place_that_is_not_a_destination_is_one_line(tmp_path, capsys, action, place):
    file = tmp_path / "file"
    file.write_text("")
    place = place.replace("FILE", str(file))
    assert main(["models", *action, "--destination", place]) == 1
    err = capsys.readouterr().err
    assert place in err
    assert err.startswith("steadyfeed: ")
    assert err.count("\n") == 1


def test_a_closed_pipe_ends_a_verb_without_a_word():
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "pipeline", "check", "--config", "configs/digits.yaml"]
    done = subprocess.run(
        command, cwd=ROOT, stdout=writer, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")
