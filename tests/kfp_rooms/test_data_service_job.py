"""`kubeflow.data_service_workers` makes pods that Kubernetes takes, with the Trainer's files."""

import json

import pytest

from failures import ConfigurationError
from kfp.data_service_job import named, pod_addresses, step_of, template
from kfp.entrypoint import DATA_SERVICE
from kfp.indexed_job import name_of
from settings.kubeflow import Kubeflow
from tests.kubernetes_schema import mistakes

OWNER = {"apiVersion": "v1", "kind": "Pod", "name": "digits-abc", "uid": "1-2-3"}
NAME = name_of("data", "a/run")
TRAINER = {
    "gpu": 1,
    "memory": "64Gi",
    "tolerations": [{"key": "nvidia.com/gpu", "effect": "NoSchedule"}],
    "volumes": [{"claim": "shared", "mount_path": "/work"}],
    "secrets": [{"secret": "bucket", "key": "token", "variable": "TOKEN"}],
    "environment": {"AWS_REGION": "eu-central-1"},
}
DECODING = {"cpu": "16", "memory": "8Gi", "node_selector": {"pool": "cpu"}}
SECTION = {
    "work_dir": "/work/steadyfeed",
    "data_service_workers": 3,
    "every_step": {"cpu": "1", "memory": "4Gi"},
    "steps": {"Trainer": TRAINER, "DataService": DECODING},
}


def section(**given):
    return Kubeflow.model_validate(SECTION | given)


def objects(**given):
    kubeflow = section(**given)
    made = template(kubeflow, 4, "steadyfeed:1", {"_KFP_RUNTIME": "true"})
    addresses = pod_addresses(NAME, kubeflow.data_service_workers)
    return named(made, NAME, "/work/a", "/work/a/state", addresses, OWNER)


def pods(**given):
    made = objects(**given)
    specs = {role: made[role]["spec"]["template"]["spec"] for role in ("dispatcher", "workers")}
    return specs["dispatcher"], specs["workers"]


@pytest.mark.parametrize("steps", [SECTION["steps"], {"Trainer": {"volumes": TRAINER["volumes"]}}])
def test_kubernetes_takes_the_objects(steps):
    for document in objects(steps=steps, worker_queue="cpus", data_service_workers=256).values():
        assert mistakes(document) == []
        assert document["metadata"]["ownerReferences"] == [OWNER]
        queue = document["metadata"]["labels"].get("kueue.x-k8s.io/queue-name")
        assert queue == ("cpus" if document["kind"] == "Job" else None)


def test_a_worker_has_the_trainers_files_and_resources_of_its_own():
    _, pod = pods()
    [container] = pod["containers"]
    assert container["resources"] == {"limits": {"cpu": "16", "memory": "8Gi"}}
    assert pod["nodeSelector"] == {"pool": "cpu"}
    assert "tolerations" not in pod
    assert pod["volumes"] == [
        {"name": "volume-0", "persistentVolumeClaim": {"claimName": "shared"}}
    ]
    variables = {one["name"]: one for one in container["env"]}
    assert variables["TOKEN"]["valueFrom"]["secretKeyRef"] == {"name": "bucket", "key": "token"}
    assert variables["AWS_REGION"]["value"] == "eu-central-1"
    assert variables["_KFP_RUNTIME"]["value"] == "true"


def test_the_dispatcher_asks_for_little():
    pod, _ = pods()
    [container] = pod["containers"]
    assert container["resources"]["limits"] == {"cpu": "1", "memory": "2Gi"}
    assert pod["nodeSelector"] == {"pool": "cpu"}


def test_the_workers_have_the_trainers_own_image():
    trainer = TRAINER | {"image": "registry/mine:1"}
    assert step_of(section(steps={"Trainer": trainer})).image == "registry/mine:1"
    decoding = {"Trainer": trainer, "DataService": {"image": "registry/other:1"}}
    assert step_of(section(steps=decoding)).image == "registry/other:1"


def test_the_pods_find_each_other_by_name_through_one_service():
    made = objects()
    dispatcher, workers = pod_addresses(NAME, 3)
    assert dispatcher == f"{NAME}-dispatcher-0.{NAME}:5050"
    assert workers == [f"{NAME}-workers-{n}.{NAME}:5050" for n in range(3)]
    assert len(f"{NAME}-workers-255") <= 63
    for role in ("dispatcher", "workers"):
        assert made[role]["metadata"]["name"] == f"{NAME}-{role}"
        pod = made[role]["spec"]["template"]
        assert pod["spec"]["subdomain"] == made["service"]["metadata"]["name"] == NAME
        assert made["service"]["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
        assert pod["spec"]["containers"][0]["args"][:3] == [role, "/work/a", dispatcher]
    assert made["workers"]["spec"]["template"]["spec"]["containers"][0]["args"][3:] == workers


def test_an_eviction_does_not_count_and_a_pod_that_hangs_is_found_from_outside():
    for role in ("dispatcher", "workers"):
        spec = objects()[role]["spec"]
        assert spec["backoffLimitPerIndex"] == 4
        assert spec["podFailurePolicy"]["rules"][0]["action"] == "Ignore"
        [container] = spec["template"]["spec"]["containers"]
        assert container["livenessProbe"]["exec"]["command"][4:6] == ["check", "localhost:5050"]
        assert container["startupProbe"]["tcpSocket"] == {"port": 5050}


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ({"work_dir": "/tmp/steadyfeed"}, "Trainer"),
        ({"steps": {"Trainer": TRAINER, "DataService": {"volumes": []}}}, "DataService"),
    ],
)
def test_a_service_that_cannot_see_the_trainers_files_is_refused(given, key):
    with pytest.raises(ConfigurationError, match=rf"work_dir: .*steps\.{key}\.volumes mounts"):
        objects(**given)


@pytest.mark.parametrize(
    ("claim", "mount_path"), [("other", "/work"), ("shared", "/work/steadyfeed")]
)
def test_a_service_for_which_the_same_path_is_another_folder_is_refused(claim, mount_path):
    other = {"volumes": [{"claim": claim, "mount_path": mount_path}]}
    lists = r"steps\.Trainer\.volumes and kubeflow\.steps\.DataService\.volumes mount at the same"
    with pytest.raises(ConfigurationError, match=f"another folder for each pod; .*{lists} place"):
        objects(steps={"Trainer": TRAINER, "DataService": other})


def test_the_package_has_the_service_in_the_trainers_step_which_keeps_its_gpu(
    package_with_pods,
):
    executors = package_with_pods[0]["deploymentSpec"]["executors"]
    container = executors["Trainer_executor"]["container"]
    assert container["image"].endswith("-gpu")
    assert container["resources"]["accelerator"]["resourceCount"] == "1"
    [given] = [one["value"] for one in container["env"] if one["name"] == DATA_SERVICE]
    made = named(json.loads(given), NAME, "/work/a", "/work/b", pod_addresses(NAME, 3), OWNER)
    for document in made.values():
        assert mistakes(document) == []
    image = made["workers"]["spec"]["template"]["spec"]["containers"][0]["image"]
    assert f"{image}-gpu" == container["image"]
    assert [name for name, one in executors.items() if DATA_SERVICE in json.dumps(one)] == [
        "Trainer_executor"
    ]


def test_the_address_of_this_machines_service_does_not_travel_with_the_package(
    package_with_pods,
):
    assert "localhost:5050" not in json.dumps(package_with_pods[0]["root"]["dag"])
