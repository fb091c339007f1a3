"""Each scheduled run knows the time for which it was scheduled."""

import json

import pytest

from kfp import entrypoint
from kfp.compile_package import compile_pipeline
from kfp.launcher_paths import ROOT_VARIABLE
from kfp.run_origin import PLACEHOLDER, SCHEDULED_TIME
from pipeline.create_pipeline import create_pipeline
from settings.reading import load

SPECS = {
    "count": {"parameterType": "NUMBER_INTEGER"},
    "scale": {"parameterType": "NUMBER_DOUBLE"},
    "settings": {"parameterType": "STRING"},
    SCHEDULED_TIME: {"parameterType": "STRING"},
}


def test_the_ingesting_step_alone_is_given_the_time():
    spec, *_ = compile_pipeline(create_pipeline(load("configs/digits.yaml")))
    given = {
        name: task.get("inputs", {}).get("parameters", {}).get(SCHEDULED_TIME)
        for name, task in spec["root"]["dag"]["tasks"].items()
    }
    assert given.pop("TfdsExampleGen") == {"runtimeValue": {"constant": PLACEHOLDER}}
    assert set(given.values()) == {None}


@pytest.mark.parametrize(
    ("given", "kept"), [("2026-11-21T03:00:00Z", "2026-11-21T03:00:00Z"), (PLACEHOLDER, None)]
)
def test_the_time_becomes_a_property_of_the_data_where_the_backend_fills_it_in(
    tmp_path, monkeypatch, given, kept
):
    monkeypatch.setenv(ROOT_VARIABLE, str(tmp_path))
    output = {"uri": "minio://bucket/e", "type": {"instanceSchema": "title: tfx.Examples"}}
    values = {"count": 4.0, "scale": 1.5, "settings": '{"factor": 1}', SCHEDULED_TIME: given}
    executor_input = {
        "inputs": {"parameterValues": values},
        "outputs": {
            "artifacts": {"examples": {"artifacts": [output]}},
            "outputFile": str(tmp_path / "out.json"),
        },
    }
    entrypoint.run("toy_components.CountExecutor", executor_input, {"parameters": SPECS}, [])
    written = json.loads((tmp_path / "out.json").read_text())
    [record] = written["artifacts"]["examples"]["artifacts"]
    assert record["metadata"].get(SCHEDULED_TIME) == kept
