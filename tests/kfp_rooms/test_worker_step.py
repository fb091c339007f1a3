"""A step whose work several workers do hands over their outputs, even if not at once."""

import json

import pytest

from failures import Failure
from kfp.launcher_paths import ROOT_VARIABLE
from kfp.worker_step import train_together
from pipeline import worker_processes
from tests.processes import forking

TEMPLATE = {"job": {"spec": {"completions": 1, "backoffLimitPerIndex": 0}}}
SPECS = {"count": "NUMBER_INTEGER", "scale": "NUMBER_DOUBLE", "settings": "STRING"}


@pytest.fixture
def attempt(tmp_path, monkeypatch):
    """A function (the attempt's number, its output file): does a toy step."""
    monkeypatch.setenv(ROOT_VARIABLE, str(tmp_path / "pod"))
    values = {"count": 4, "scale": 1.5, "settings": '{"factor": 1}'}
    values["checkpoint_dir"] = str(tmp_path / "work" / "checkpoints")

    def attempting(number, output_file):
        examples = {
            "name": "examples",
            "uri": f"minio://bucket/run/Count/{number}/examples",
            "type": {"instanceSchema": "title: tfx.Examples"},
            "metadata": {},
        }
        given = {
            "inputs": {"parameterValues": values},
            "outputs": {
                "artifacts": {"examples": {"artifacts": [examples]}},
                "outputFile": str(output_file),
            },
        }
        specs = {name: {"parameterType": kind} for name, kind in SPECS.items()}
        specs = {"parameters": specs}
        train_together("toy_components.CountExecutor", given, specs, [], TEMPLATE)

    return attempting


@pytest.mark.slow
def test_what_the_workers_have_done_is_taken_by_the_next_attempt_at_the_step(
    attempt, tmp_path, monkeypatch
):
    processes = forking(anew=lambda number: False)
    monkeypatch.setattr(worker_processes, "subprocess", processes)
    (tmp_path / "full").touch()
    with pytest.raises(Failure, match="cannot be written"):
        attempt(1, tmp_path / "full" / "output.json")
    attempt(2, tmp_path / "output.json")
    assert len(processes.started) == 1
    made = tmp_path / "pod" / "minio" / "bucket" / "run" / "Count" / "2" / "examples"
    assert (made / "Split-train" / "data").read_text() == "1.5\n3.0\n4.5\n6.0"
    written = json.loads((tmp_path / "output.json").read_text())["artifacts"]
    [record] = written["examples"]["artifacts"]
    assert record["metadata"]["summary"] == "4 numbers"
    assert not list((tmp_path / "work" / "workers").iterdir())
