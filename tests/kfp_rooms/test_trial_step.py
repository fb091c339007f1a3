"""A Tuner's step whose pods cannot share its folder ends in one line."""

import os
from pathlib import Path

import pytest
from kubernetes import client
from tfx.dsl.components.base.base_executor import BaseExecutor

from components.tuner import far_trials
from components.tuner.attempt import Attempt
from components.tuner.far_trials import RUNNERS, FarTrials
from failures import Failure
from kfp import pods_beside, shared_folder, trial_step, worker_cluster
from kfp.trial_job import template
from kfp.worker_cluster import Cluster
from settings.kubeflow import Kubeflow
from settings.tuner import Tuner
from tests.kubernetes_server import KubernetesServer

# As on a volume where each node has locks of its own.
POD = """
import fcntl, pathlib, sys
from kfp import trial_pod
fcntl.flock = lambda *_: None
sys.exit(trial_pod.main(*map(pathlib.Path, sys.argv[1:])))
"""
SEARCH = Tuner.of(
    trials=2,
    epochs=1,
    parallel_trials=2,
    search_space={"training.learning_rate": {"choices": [0.001, 0.01]}},
)


class Search(BaseExecutor):
    """In place of the Tuner's executor: leaves one trial to the runners."""

    def Do(self, input_dict, output_dict, exec_properties):
        FarTrials(2, Path(os.environ[RUNNERS])).run(Attempt(None, "validation_loss", "", {}))


@pytest.fixture
def server(tmp_path, monkeypatch):
    server = KubernetesServer(tmp_path)
    cluster = Cluster(client.ApiClient(client.Configuration(host=server.url)), "kubeflow")
    monkeypatch.setattr(Cluster, "of_this_pod", lambda: cluster)
    monkeypatch.setattr(shared_folder, "without_a_cluster", lambda: False)
    for module in (far_trials, pods_beside, worker_cluster):
        monkeypatch.setattr(module, "_LOOK_EVERY", 0.05)
    yield server
    server.close()


@pytest.mark.slow
def test_pods_that_see_no_lock_of_the_search_end_it_in_one_line_before_they_train(server, tmp_path):
    volume = {"claim": "shared", "mount_path": str(tmp_path)}
    section = {
        "work_dir": str(tmp_path),
        "trial_pods": True,
        "steps": {"Tuner": {"volumes": [volume]}},
    }
    pods = template(Kubeflow.model_validate(section), SEARCH, 0, "steadyfeed:1", {})
    [container] = pods["job"]["spec"]["template"]["spec"]["containers"]
    container["command"] = ["python", "-c", POD]
    given = {
        "inputs": {"parameterValues": {"checkpoint_dir": str(tmp_path / "checkpoints")}},
        "outputs": {"artifacts": {}, "outputFile": str(tmp_path / "output.json")},
    }
    with pytest.raises(Failure, match="do not reach from one node to another") as refused:
        trial_step.search_with_pods(f"{__name__}.Search", given, {}, [], pods)
    assert "\n" not in str(refused.value)
    assert "NFSv4 and CephFS" in str(refused.value)
    assert not list(tmp_path.glob("workers/*/trials-*/*/starts"))
