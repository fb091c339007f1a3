"""What a pushed model's record says of the run: on Kubeflow only the run itself knows it."""

import json

import pytest

from kfp.compile_package import compile_pipeline
from kfp.run_facts import SCHEDULED_TIME, take_run_facts
from kfp.run_package import run_package
from pipeline.create_pipeline import create_pipeline
from settings.reading import load


@pytest.fixture(scope="module")
def spec():
    return compile_pipeline(create_pipeline(load("configs/digits.yaml")))[0]


def test_what_differs_in_every_run_stands_at_the_last_step_alone(spec):
    steps = {
        name
        for name, task in spec["root"]["dag"]["tasks"].items()
        if "{{$." in json.dumps(task) or '"trigger"' in json.dumps(task)
    }

    assert steps == {"Pusher"}
    assert not spec["root"]["dag"]["tasks"]["Pusher"]["cachingOptions"]


@pytest.mark.parametrize(
    ("given", "facts"),
    [
        (
            {"run": "r-1", "scheduled_time": "2026-11-21T03:00:00Z", "trigger": "schedule"},
            {"run": "r-1", "scheduled_time": "2026-11-21T03:00:00Z", "trigger": "schedule"},
        ),
        (
            {"run": "r-1", "scheduled_time": "2026-11-21T03:00:00Z", "trigger": "manual"},
            {"run": "r-1", "trigger": "manual"},
        ),
        (
            {
                "run": "{{$.pipeline_job_uuid}}",
                "scheduled_time": SCHEDULED_TIME,
                "trigger": "schedule",
            },
            {"trigger": "schedule"},
        ),
        ({}, {}),
    ],
    ids=["scheduled", "by hand", "an older backend", "another step"],
)
def test_a_run_by_hand_has_no_scheduled_time_although_the_backend_gives_it_one(given, facts):
    properties = {"other": "x", **given}

    assert take_run_facts(properties) == facts
    assert properties == {"other": "x"}


def test_a_package_is_not_asked_for_its_trigger(tmp_path):
    from failures import ConfigurationError
    from kfp.compile_package import compile_package

    package = compile_package(load("configs/digits.yaml"), tmp_path / "digits.yaml")

    with pytest.raises(ConfigurationError, match="--param trigger: not a parameter"):
        run_package(package, ["trigger=schedule"], "minio://bucket", tmp_path)
