"""Steps on Kubeflow go on when they, or pods beside them, are lost."""

import json
import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import yaml
from kubernetes import client

from components.free_ports import free_ports
from kfp import data_service_job, data_service_step, pods_beside, shared_folder, worker_cluster
from kfp.backend_launcher import launch, place_of
from kfp.data_service_job import Addresses
from kfp.entrypoint import DATA_SERVICE, TRIALS, WORKERS
from kfp.package_rules import read_package
from kfp.worker_cluster import Cluster
from settings.kubeflow import Kubeflow
from settings.kubernetes import Step, Volume
from settings.tuner import Tuner
from tests.components.trainer.conftest import LINEAR
from tests.kubernetes_server import KubernetesServer
from tests.processes import find_server, wait_for

ROOT = "minio://bucket/digits/a-run"
VOLUME = {"claim": "shared", "mount_path": "/work"}
SEARCH = {
    "trials": 2,
    "epochs": 1,
    "parallel_trials": 2,
    "algorithm": "random",
    "search_space": {"training.learning_rate": {"choices": [1e-7, 0.01]}},
}
# 120 and 240 steps: enough are left after the first checkpoint.
BY_WORKERS = {"batch_size": 4, "epochs": 2, "checkpoint_every_steps": 20, "model": LINEAR}
FED_BY_PODS = {"batch_size": 2, "epochs": 2, "checkpoint_every_steps": 40}


@pytest.fixture
def server(tmp_path, monkeypatch):
    find_server()
    (tmp_path / "pods").mkdir()
    server = KubernetesServer(tmp_path / "pods")
    cluster = Cluster(client.ApiClient(client.Configuration(host=server.url)), "kubeflow")
    monkeypatch.setattr(worker_cluster, "_LOOK_EVERY", 0.1)
    monkeypatch.setattr(Cluster, "of_this_pod", lambda: cluster)
    monkeypatch.setattr(shared_folder, "without_a_cluster", lambda: False)
    yield server
    server.close()


@pytest.fixture(scope="module")
def containers(tmp_path_factory):
    """{step: its container} in a package of digits with two workers and two trials at a time."""
    from kfp.compile_package import compile_package
    from settings.reading import load

    steps = {name: {"volumes": [VOLUME]} for name in ("Trainer", "Tuner")}
    sections = {
        "kubeflow": {"work_dir": "/work/steadyfeed", "trial_pods": True, "steps": steps},
        "tuner": SEARCH,
    }
    words = [
        f"{name}={yaml.safe_dump(section, default_flow_style=True, width=10**6)}"
        for name, section in sections.items()
    ]
    file = tmp_path_factory.mktemp("package") / "digits.yaml"
    configuration = load("configs/digits.yaml", ["training.workers=2", *words])
    spec, _ = read_package(compile_package(configuration, file))
    executors = spec["deploymentSpec"]["executors"]
    return {step: executors[f"{step}_executor"]["container"] for step in steps}


def alone(container):
    """The container without pods beside it."""
    return container | {
        "env": [one for one in container["env"] if one["name"] not in (WORKERS, TRIALS)]
    }


def with_variable(container, name, made):
    """The container with other pods beside it than the package gives it."""
    return container | {
        "env": [*alone(container)["env"], {"name": name, "value": json.dumps(made)}]
    }


@pytest.fixture
def given_to(digits, tmp_path):
    """What the backend's driver gives a step; the inputs lie in the bucket."""

    def given(component, properties, **types):
        inputs = {}
        for key, [artifact] in digits.inputs.items():
            record = {"name": "1", "uri": f"{ROOT}/Before/1/{key}", "metadata": {}}
            shutil.copytree(artifact.uri, place_of(record["uri"], tmp_path / "bucket"))
            if key == "transformed_examples":
                record["metadata"]["split_names"] = artifact.split_names
            inputs[key] = {"artifacts": [record]}
        outputs = {
            key: {
                "artifacts": [
                    {
                        "name": key,
                        "uri": f"{ROOT}/{component}/7/{key}",
                        "type": {"schemaTitle": kind},
                        "metadata": {},
                    }
                ]
            }
            for key, kind in (types | {"executor-logs": "system.Artifact"}).items()
        }
        return {
            "inputs": {"artifacts": inputs, "parameterValues": properties},
            "outputs": {"artifacts": outputs, "outputFile": str(tmp_path / "output_metadata.json")},
        }

    return given


@pytest.fixture
def given_to_trainer(given_to, make_properties, tmp_path):
    def given(training):
        properties = make_properties(**training, checkpoint_dir=tmp_path / "checkpoints")
        return given_to("Trainer", properties, model="tfx.Model", model_run="tfx.ModelRun")

    return given


@pytest.mark.slow
def test_a_pod_is_evicted_and_the_training_goes_on_from_the_checkpoint(
    server, containers, given_to_trainer, run_here, losses_in_fours, tmp_path
):
    bucket = tmp_path / "bucket"
    for failed, days in (("yesterday", 1), ("a week ago", 8)):
        copied = tmp_path / "workers" / failed / "step.json"
        copied.parent.mkdir(parents=True)
        for path in (copied, copied.parent):
            path.touch()
            os.utime(path, (time.time() - 86400 * days,) * 2)

    def evict_soon():
        wait_for(lambda: list(tmp_path.glob("checkpoints/*/checkpoint")), 300)
        assert server.pods["1"].poll() is None
        server.evict("1")

    with ThreadPoolExecutor() as threads:
        evicting = threads.submit(evict_soon)
        given = given_to_trainer(BY_WORKERS)
        made = launch(containers["Trainer"], given, tmp_path / "pod", bucket, run_here)
        evicting.result(60)
    assert server.starts.count("1") >= 2
    assert server.objects == {}
    folder = place_of(made.artifacts["model_run"]["uri"], bucket)
    history = json.loads((folder / "history.json").read_text())
    assert history["resumed_at_step"] > 0
    assert history["devices"] == "2 CPUs, 2 workers, float32"
    losses = [epoch["loss"] for epoch in history["epochs"]]
    np.testing.assert_allclose(losses, losses_in_fours, rtol=1e-3, atol=1e-5)
    model = made.artifacts["model"]
    assert model["uri"] == f"{ROOT}/Trainer/7/model"
    assert "in 2 epochs" in model["metadata"]["summary"]
    assert (place_of(model["uri"], bucket) / "Format-Serving" / "saved_model.pb").exists()
    assert [left.name for left in (tmp_path / "workers").iterdir()] == ["yesterday"]


@pytest.mark.slow
def test_other_pods_decode_for_the_training_and_two_are_lost(
    server, containers, given_to_trainer, run_here, monkeypatch, tmp_path
):
    kubeflow = Kubeflow(
        work_dir="/work/steadyfeed",
        data_service_workers=2,
        steps={"Trainer": Step(volumes=[Volume(**VOLUME)])},
    )
    pods = data_service_job.template(kubeflow, 2, "steadyfeed:1", {"_KFP_RUNTIME": "true"})
    container = with_variable(containers["Trainer"], DATA_SERVICE, pods)
    bucket = tmp_path / "bucket"
    dispatcher, *workers = (f"localhost:{port}" for port in free_ports(3))
    monkeypatch.setattr(data_service_step, "_ASK_EVERY", 0.05)
    monkeypatch.setattr(pods_beside, "_LOOK_EVERY", 0.05)
    monkeypatch.setattr(
        data_service_step, "pod_addresses", lambda name, count: Addresses(dispatcher, workers)
    )
    lost = ["dispatcher-0", "workers-1"]

    def lose_soon():
        wait_for(lambda: list(tmp_path.glob("checkpoints/*/checkpoint")), 300)
        server.evict("workers-1")
        server.pods["dispatcher-0"].kill()
        wait_for(lambda: all(server.starts.count(pod) == 2 for pod in lost))

    with ThreadPoolExecutor() as threads:
        losing = threads.submit(lose_soon)
        given = given_to_trainer(FED_BY_PODS)
        made = launch(container, given, tmp_path / "pod", bucket, run_here)
        losing.result(60)
    assert server.objects == {}
    folder = place_of(made.artifacts["model_run"]["uri"], bucket)
    history = json.loads((folder / "history.json").read_text())
    assert history["input"] == f"the data service at grpc://{dispatcher} reads and decodes"
    assert len(history["epochs"]) == FED_BY_PODS["epochs"]
    assert history["epochs"][-1]["validation_accuracy"] > 0.5
    assert not list((tmp_path / "workers").iterdir())


@pytest.mark.slow
def test_a_step_whose_model_could_not_be_uploaded_does_not_train_again(
    containers, given_to_trainer, run_here, tmp_path
):
    bucket, container = tmp_path / "bucket", alone(containers["Trainer"])
    keys = {"model": LINEAR, "epochs": 1, "input_report": {"enabled": False}}
    given = given_to_trainer({**keys, "checkpoint_every_steps": 15})
    address = f"{ROOT}/Trainer/7"
    again = json.loads(json.dumps(given).replace(address, f"{ROOT}/Trainer/8"))
    refused = place_of(f"{address}/model", bucket)
    refused.parent.mkdir(parents=True)
    refused.touch()
    with pytest.raises(OSError, match="model"):
        launch(container, given, tmp_path / "evicted", bucket, run_here)
    made = launch(container, again, tmp_path / "pod", bucket, run_here)
    folder = place_of(made.artifacts["model_run"]["uri"], bucket)
    assert json.loads((folder / "history.json").read_text())["resumed_at_step"] == 15
    assert (place_of(f"{ROOT}/Trainer/8/model", bucket) / "Format-Serving").exists()


# The first trial reaches 0.5 and the second 0.25. What the pod 1 begins first never ends there.
TRIAL = """
import os, pathlib, sys, time
trial = pathlib.Path(sys.argv[1])
begun, until = trial.parent / "begun", time.monotonic() + 60
if os.environ["JOB_COMPLETION_INDEX"] == "1" and not begun.exists():
    begun.touch()
    sys.stdin.read()
while not begun.exists() and time.monotonic() < until:
    time.sleep(0.02)
(trial / "written").write_text('{"reached": %s}' % (0.5 - int(trial.name) / 4))
(trial / "written").rename(trial / "result.json")
"""
POD = f"""
import pathlib, subprocess, sys, types
from components.tuner import trial_runner
from kfp import trial_pod
begin = lambda command, **given: subprocess.Popen(
    [sys.executable, "-c", {TRIAL!r}, command[-1]], **given
)
names = {{"PIPE": subprocess.PIPE, "DEVNULL": subprocess.DEVNULL}}
trial_runner.subprocess = types.SimpleNamespace(Popen=begin, **names)
trial_pod.main(*map(pathlib.Path, sys.argv[1:]))
"""


@pytest.mark.slow
def test_pods_run_the_trials_of_a_search_and_one_is_evicted(
    server, containers, given_to, make_properties, run_here, tmp_path
):
    properties = make_properties(checkpoint_dir=tmp_path / "checkpoints")
    given = given_to(
        "Tuner",
        properties | {"tuner": Tuner.of(**SEARCH).model_dump_json()},
        best_hyperparameters="tfx.HyperParameters",
        tuner_results="tfx.TunerResults",
    )
    [made] = [one["value"] for one in containers["Tuner"]["env"] if one["name"] == TRIALS]
    pods = json.loads(made)
    pods["job"]["spec"]["template"]["spec"]["containers"][0]["command"] = ["python", "-c", POD]
    container = with_variable(containers["Tuner"], TRIALS, pods)

    def evict_soon():
        wait_for(lambda: list(tmp_path.glob("workers/*/trials-*/begun")), 300)
        server.evict("1")

    with ThreadPoolExecutor() as threads:
        evicting = threads.submit(evict_soon)
        made = launch(container, given, tmp_path / "pod", tmp_path / "bucket", run_here)
        evicting.result(60)
    assert server.starts.count("0") == 1
    assert server.objects == {}
    summary = made.artifacts["tuner_results"]["metadata"]["summary"]
    assert summary == "validation_loss 0.25, the best of 2 trials"
    assert not list((tmp_path / "workers").iterdir())
