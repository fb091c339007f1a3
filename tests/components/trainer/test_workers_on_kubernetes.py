"""Steps on Kubeflow that have pods beside them go on when some of those are lost."""

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
from components.trainer.hyperparameters import read_best
from kfp import data_service_step, pods_beside, shared_folder, worker_cluster
from kfp.backend_launcher import launch, place_of
from kfp.data_service_job import Addresses
from kfp.package_rules import read_package
from kfp.worker_cluster import Cluster
from settings.tuner import Tuner
from tests.kubernetes_server import KubernetesServer
from tests.processes import wait_for

ROOT = "minio://bucket/digits/a-run"
TRAINING = {"batch_size": 2, "epochs": 2}  # 240 steps: enough are left after the first checkpoint


@pytest.fixture
def server(tmp_path, monkeypatch):
    (tmp_path / "pods").mkdir()
    server = KubernetesServer(tmp_path / "pods")
    cluster = Cluster(client.ApiClient(client.Configuration(host=server.url)), "kubeflow")
    monkeypatch.setattr(worker_cluster, "_LOOK_EVERY", 0.1)
    monkeypatch.setattr(Cluster, "of_this_pod", lambda: cluster)
    monkeypatch.setattr(shared_folder, "without_a_cluster", lambda: False)
    yield server
    server.close()


@pytest.fixture
def container_of(tmp_path):
    """A function (component, words, keys of `kubeflow`): its container in a package of digits."""
    from kfp.compile_package import compile_package
    from settings.reading import load

    def compiled(component, *words, **keys):
        volume = {"claim": "shared", "mount_path": str(tmp_path)}
        kubeflow = {"work_dir": str(tmp_path), "steps": {component: {"volumes": [volume]}}} | keys
        written = yaml.safe_dump(kubeflow, default_flow_style=True, width=10**6)
        configuration = load("configs/digits.yaml", [f"kubeflow={written}", *words])
        spec, _ = read_package(compile_package(configuration, tmp_path / "digits.yaml"))
        return spec["deploymentSpec"]["executors"][f"{component}_executor"]["container"]

    return compiled


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
def executor_input(given_to, make_properties, tmp_path):
    """That of Trainer."""
    properties = make_properties(
        **TRAINING, checkpoint_every_steps=40, checkpoint_dir=tmp_path / "checkpoints"
    )
    return given_to("Trainer", properties, model="tfx.Model", model_run="tfx.ModelRun")


@pytest.mark.slow
def test_a_pod_is_evicted_and_the_training_goes_on_from_the_checkpoint(
    server, container_of, executor_input, run_here, losses_in_twos, tmp_path
):
    container, bucket = container_of("Trainer", "training.workers=2"), tmp_path / "bucket"
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
        made = launch(container, executor_input, tmp_path / "pod", bucket, run_here)
        evicting.result(60)
    assert server.starts.count("1") >= 2
    assert server.objects == {}
    folder = place_of(made.artifacts["model_run"]["uri"], bucket)
    history = json.loads((folder / "history.json").read_text())
    assert history["resumed_at_step"] > 0
    assert history["devices"] == "2 CPUs, 2 workers, float32"
    losses = [epoch["loss"] for epoch in history["epochs"]]
    np.testing.assert_allclose(losses, losses_in_twos, rtol=1e-3, atol=1e-5)
    model = made.artifacts["model"]
    assert model["uri"] == f"{ROOT}/Trainer/7/model"
    assert "in 2 epochs" in model["metadata"]["summary"]
    assert (place_of(model["uri"], bucket) / "Format-Serving" / "saved_model.pb").exists()
    assert [left.name for left in (tmp_path / "workers").iterdir()] == ["yesterday"]


@pytest.mark.slow
def test_other_pods_decode_for_the_training_and_two_are_lost(
    server, container_of, executor_input, run_here, monkeypatch, tmp_path
):
    container, bucket = container_of("Trainer", data_service_workers=2), tmp_path / "bucket"
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
        made = launch(container, executor_input, tmp_path / "pod", bucket, run_here)
        losing.result(60)
    assert server.objects == {}
    folder = place_of(made.artifacts["model_run"]["uri"], bucket)
    history = json.loads((folder / "history.json").read_text())
    assert history["input"] == f"the data service at grpc://{dispatcher} reads and decodes"
    assert len(history["epochs"]) == TRAINING["epochs"]
    assert history["epochs"][-1]["validation_accuracy"] > 0.5
    assert not list((tmp_path / "workers").iterdir())


@pytest.mark.slow
def test_pods_run_the_trials_of_a_search_and_one_is_evicted(
    server, container_of, given_to, make_properties, run_here, tmp_path
):
    search = {
        "trials": 2,
        "epochs": 1,
        "parallel_trials": 2,
        "algorithm": "random",
        "search_space": {"training.learning_rate": {"choices": [1e-7, 0.01]}},
    }
    bucket, written = tmp_path / "bucket", yaml.safe_dump(search, default_flow_style=True)
    container = container_of("Tuner", f"tuner={written}", trial_pods=True)
    properties = make_properties(checkpoint_dir=tmp_path / "checkpoints")
    given = given_to(
        "Tuner",
        properties | {"tuner": Tuner.of(**search).model_dump_json()},
        best_hyperparameters="tfx.HyperParameters",
        tuner_results="tfx.TunerResults",
    )

    def evict_soon():
        wait_for(lambda: "1" in server.pods, 300)
        server.evict("1")

    with ThreadPoolExecutor() as threads:
        evicting = threads.submit(evict_soon)
        made = launch(container, given, tmp_path / "pod", bucket, run_here)
        evicting.result(60)
    assert server.starts.count("1") == 2
    assert server.objects == {}
    found = place_of(made.artifacts["best_hyperparameters"]["uri"], bucket)
    assert read_best(str(found)) == {"training.learning_rate": 0.01}
    summary = made.artifacts["tuner_results"]["metadata"]["summary"]
    assert summary.endswith("the best of 2 trials")
    assert not list((tmp_path / "workers").iterdir())
