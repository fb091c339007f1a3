"""The Trainer's step on Kubeflow trains by a Job; a pod is evicted, and the training goes on."""

import json
import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import yaml
from kubernetes import client

from kfp import worker_cluster, worker_step
from kfp.backend_launcher import launch, place_of
from kfp.package_rules import read_package
from kfp.worker_cluster import Cluster
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
    monkeypatch.setattr(worker_step, "_without_a_cluster", lambda: False)
    yield server
    server.close()


@pytest.fixture
def container(tmp_path):
    """The Trainer's container in the package of digits with two workers."""
    from kfp.compile_package import compile_package
    from settings.reading import load

    volume = {"claim": "shared", "mount_path": str(tmp_path)}
    kubeflow = {"work_dir": str(tmp_path), "steps": {"Trainer": {"volumes": [volume]}}}
    written = yaml.safe_dump(kubeflow, default_flow_style=True, width=10**6)
    configuration = load("configs/digits.yaml", [f"kubeflow={written}", "training.workers=2"])
    spec, _ = read_package(compile_package(configuration, tmp_path / "digits.yaml"))
    return spec["deploymentSpec"]["executors"]["Trainer_executor"]["container"]


@pytest.fixture
def executor_input(digits, make_properties, tmp_path):
    """What the backend's driver gives the step; the inputs lie in the bucket."""
    inputs = {}
    for key, [artifact] in digits.inputs.items():
        record = {"name": "1", "uri": f"{ROOT}/Before/1/{key}", "metadata": {}}
        shutil.copytree(artifact.uri, place_of(record["uri"], tmp_path / "bucket"))
        if key == "transformed_examples":
            record["metadata"]["split_names"] = artifact.split_names
        inputs[key] = {"artifacts": [record]}
    types = {"model": "tfx.Model", "model_run": "tfx.ModelRun", "executor-logs": "system.Artifact"}
    outputs = {
        key: {
            "artifacts": [
                {
                    "name": key,
                    "uri": f"{ROOT}/Trainer/7/{key}",
                    "type": {"schemaTitle": kind},
                    "metadata": {},
                }
            ]
        }
        for key, kind in types.items()
    }
    properties = make_properties(
        **TRAINING, checkpoint_every_steps=40, checkpoint_dir=tmp_path / "checkpoints"
    )
    return {
        "inputs": {"artifacts": inputs, "parameterValues": properties},
        "outputs": {"artifacts": outputs, "outputFile": str(tmp_path / "output_metadata.json")},
    }


@pytest.mark.slow
def test_a_pod_is_evicted_and_the_training_goes_on_from_the_checkpoint(
    server, container, executor_input, run_here, train_in, tmp_path
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
        assert server.pods[1].poll() is None
        server.evict(1)

    with ThreadPoolExecutor() as threads:
        evicting = threads.submit(evict_soon)
        made = launch(container, executor_input, tmp_path / "pod", bucket, run_here)
        evicting.result(60)
    assert server.starts.count(1) >= 2
    assert server.objects == {}
    folder = place_of(made.artifacts["model_run"]["uri"], bucket)
    history = json.loads((folder / "history.json").read_text())
    assert history["resumed_at_step"] > 0
    assert history["devices"] == "2 CPUs, 2 workers, float32"
    whole = train_in("whole", **TRAINING)
    for ours, alone in zip(history["epochs"], whole.history["epochs"], strict=True):
        np.testing.assert_allclose(ours["loss"], alone["loss"], rtol=1e-3, atol=1e-5)
    model = made.artifacts["model"]
    assert model["uri"] == f"{ROOT}/Trainer/7/model"
    assert "in 2 epochs" in model["metadata"]["summary"]
    assert (place_of(model["uri"], bucket) / "Format-Serving" / "saved_model.pb").exists()
    assert [left.name for left in (tmp_path / "workers").iterdir()] == ["yesterday"]
