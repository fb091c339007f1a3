"""What a pushed model's record says of the run: on Kubeflow only the run itself knows it."""

import json

import pytest

from failures import ConfigurationError
from kfp.compile_package import compile_package, compile_pipeline
from kfp.package_rules import read_package
from kfp.run_facts import SCHEDULED_TIME, take_run_facts, take_run_values
from kfp.run_origin import with_run_values
from kfp.run_package import run_package
from pipeline.create_pipeline import create_pipeline
from pipeline.origin import origin_of
from settings.configuration import Configuration
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


def test_the_record_of_a_run_holds_the_values_that_it_was_given(tmp_path):
    configuration = load("configs/digits.yaml")
    spec = read_package(compile_package(configuration, tmp_path / "digits.yaml"))[0]
    inputs = spec["root"]["dag"]["tasks"]["Pusher"]["inputs"]["parameters"]
    run = {"epochs": 50, "learning_rate": 0.1, "dataset": "mnist:3.0.1"}
    names = {name: one.get("componentInputParameter") for name, one in inputs.items()}
    properties = {"other": "x"} | {n: run[given] for n, given in names.items() if given in run}

    origin = with_run_values(origin_of(configuration), take_run_values(properties))

    assert properties == {"other": "x"}
    kept = Configuration.model_validate(json.loads(origin["configuration"]))
    assert kept.training.epochs == 50
    assert kept.training.learning_rate == 0.1
    assert kept.data.dataset == "mnist:3.0.1"
    assert kept.training.batch_size == configuration.training.batch_size


def test_a_package_is_not_asked_for_its_trigger(tmp_path):
    package = compile_package(load("configs/digits.yaml"), tmp_path / "digits.yaml")

    with pytest.raises(ConfigurationError, match="--param trigger: not a parameter"):
        run_package(package, ["trigger=schedule"], "minio://bucket", tmp_path)
