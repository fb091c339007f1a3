"""`kubeflow.trial_pods` makes a Job that Kubernetes takes, with what the Tuner's step asks for."""

import json

import pytest

from failures import ConfigurationError
from kfp.entrypoint import TRIALS
from kfp.reserved_gpus import GPUS
from kfp.trial_job import named, template
from settings.kubeflow import Kubeflow
from settings.tuner import Tuner
from tests.kubernetes_schema import mistakes

OWNER = {"apiVersion": "v1", "kind": "Pod", "name": "digits-abc", "uid": "1-2-3"}
TUNER = {"gpu": 1, "memory": "16Gi", "volumes": [{"claim": "shared", "mount_path": "/work"}]}
SECTION = {"work_dir": "/work/steadyfeed", "trial_pods": True, "steps": {"Tuner": TUNER}}
SEARCH = Tuner.of(
    trials=8,
    epochs=1,
    parallel_trials=3,
    search_space={"training.learning_rate": {"choices": [0.001, 0.01]}},
)


def test_each_trial_that_runs_at_a_time_has_a_pod_with_the_tuners_gpu():
    made = template(Kubeflow.model_validate(SECTION), SEARCH, 4, "steadyfeed:1-gpu", {"A": "b"})
    objects = named(made, "steadyfeed-trials-1", "/work/a", "/work/a/trials", OWNER)
    assert [mistakes(document) for document in objects.values()] == [[]]
    job = objects["job"]
    assert job["metadata"]["ownerReferences"] == [OWNER]
    assert job["spec"]["completions"] == 3
    [container] = job["spec"]["template"]["spec"]["containers"]
    assert container["resources"] == {"limits": {"memory": "16Gi", "nvidia.com/gpu": "1"}}
    assert container["args"] == ["/work/a", "/work/a/trials"]
    assert container["env"] == [{"name": "A", "value": "b"}, {"name": GPUS, "value": "1"}]


def test_runners_without_a_folder_in_common_are_refused():
    section = Kubeflow.model_validate(SECTION | {"work_dir": "/tmp/steadyfeed"})
    with pytest.raises(ConfigurationError, match=r"work_dir: .*steps\.Tuner\.volumes mounts"):
        template(section, SEARCH, 4, "steadyfeed:1", {})


def test_trials_that_take_their_pod_along_do_not_use_up_its_restarts():
    job = template(Kubeflow.model_validate(SECTION), SEARCH, 4, "steadyfeed:1", {})["job"]
    assert job["spec"]["backoffLimitPerIndex"] == 4 + 3 * SEARCH.trials


def test_the_tuners_step_has_the_job_and_itself_no_gpu(package_with_pods):
    executors = package_with_pods[0]["deploymentSpec"]["executors"]
    container = executors["Tuner_executor"]["container"]
    assert container["resources"] == {"resourceCpuLimit": "1", "resourceMemoryLimit": "4Gi"}
    assert not container["image"].endswith("-gpu")
    [given] = [one["value"] for one in container["env"] if one["name"] == TRIALS]
    assert json.loads(given)["job"]["spec"]["completions"] == 3
    assert [name for name, one in executors.items() if TRIALS in json.dumps(one)] == [
        "Tuner_executor"
    ]


def test_the_search_in_the_step_has_the_credentials_of_its_trials(package_with_pods):
    spec, kubernetes = package_with_pods
    [secret] = kubernetes["Tuner_executor"]["secretAsEnv"]
    assert secret["keyToEnv"] == [{"secretKey": "token", "envVar": "TOKEN"}]
    container = spec["deploymentSpec"]["executors"]["Tuner_executor"]["container"]
    assert {"name": "AWS_REGION", "value": "eu-central-1"} in container["env"]
