"""The Job of `training.workers` is one that Kubernetes takes, with all that the step asks for."""

import json

import pytest
import yaml

from failures import ConfigurationError
from kfp.entrypoint import WORKERS
from kfp.indexed_job import name_of, waiting
from kfp.package_rules import read_package
from kfp.worker_job import addresses_of, named, template
from settings.kubeflow import Kubeflow
from settings.kubernetes import SecretVariable, Step, Toleration, Volume
from settings.reading import load
from settings.workers import Workers
from tests.kubernetes_schema import mistakes

OWNER = {"apiVersion": "v1", "kind": "Pod", "name": "digits-abc", "uid": "1-2-3"}
STEP = Step(
    cpu="8",
    memory="64Gi",
    cpu_request="7500m",
    memory_request="48Gi",
    gpu=2,
    pull_policy="IfNotPresent",
    node_selector={"accelerator": "h200"},
    tolerations=[Toleration(key="nvidia.com/gpu", effect="NoSchedule")],
    volumes=[Volume(claim="shared", mount_path="/work")],
    secrets=[SecretVariable(secret="bucket", key="token", variable="TOKEN")],
    environment={"NCCL_DEBUG": "WARN"},
    shared_memory="2Gi",
)


def made(step=STEP, workers=3, **kubeflow):
    given = {"work_dir": "/work/steadyfeed", "service_account": "trainer"} | kubeflow
    section = Kubeflow(steps={"Trainer": step}, **given)
    settings = Workers(workers=workers, worker_restarts=4)
    return template(section, settings, "steadyfeed:1-gpu", {"_KFP_RUNTIME": "true"})


def objects(**given):
    return named(made(**given), name_of("workers", "a/run"), "/work/steadyfeed/workers/a", OWNER)


@pytest.mark.parametrize(
    "step", [STEP, Step(volumes=[Volume(claim="shared", mount_path="/work")])], ids=["all", "least"]
)
def test_kubernetes_takes_the_objects(step):
    for document in objects(step=step, worker_queue="gpus", workers=1024).values():
        assert mistakes(document) == []
        json.dumps(document)


def test_the_check_finds_what_kubernetes_would_refuse():
    job = objects()["job"]
    job["spec"]["completions"] = "3"
    job["spec"]["template"]["spec"]["containers"][0]["comand"] = []
    del job["spec"]["template"]["spec"]["containers"][0]["name"]
    found = "\n".join(mistakes(job))
    assert "spec.completions: '3' is not integer" in found
    assert "containers[0].comand: unknown" in found
    assert "containers[0].name: missing" in found


def test_a_pod_gets_what_the_trainers_step_asks_for():
    pod = objects()["job"]["spec"]["template"]["spec"]
    [container] = pod["containers"]
    assert container["image"] == "steadyfeed:1-gpu"
    assert container["imagePullPolicy"] == "IfNotPresent"
    assert container["resources"] == {
        "limits": {"cpu": "8", "memory": "64Gi", "nvidia.com/gpu": "2"},
        "requests": {"cpu": "7500m", "memory": "48Gi"},
    }
    assert pod["nodeSelector"] == {"accelerator": "h200"}
    assert pod["tolerations"] == [
        {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
    ]
    assert [v["persistentVolumeClaim"]["claimName"] for v in pod["volumes"][:1]] == ["shared"]
    assert {mount["mountPath"] for mount in container["volumeMounts"]} == {"/work", "/dev/shm"}
    variables = {one["name"]: one for one in container["env"]}
    assert variables["TOKEN"]["valueFrom"]["secretKeyRef"] == {"name": "bucket", "key": "token"}
    assert variables["NCCL_DEBUG"]["value"] == "WARN"
    assert pod["serviceAccountName"] == "trainer"
    assert not pod["automountServiceAccountToken"]


def test_pods_find_each_other_by_name_through_the_service():
    both = objects()
    service, job = both["service"], both["job"]
    name = job["metadata"]["name"]
    pod = job["spec"]["template"]
    assert service["spec"]["clusterIP"] == "None"
    assert service["spec"]["publishNotReadyAddresses"]
    assert service["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
    assert pod["spec"]["subdomain"] == service["metadata"]["name"] == name
    assert addresses_of(job) == [f"{name}-{n}.{name}:2222" for n in range(3)]
    assert pod["spec"]["containers"][0]["args"][1:] == addresses_of(job)
    assert len(f"{name}-1023") <= 63


def test_an_eviction_does_not_count_and_what_the_user_can_mend_ends_the_job():
    spec = objects()["job"]["spec"]
    assert (spec["completionMode"], spec["completions"], spec["parallelism"]) == ("Indexed", 3, 3)
    assert (spec["backoffLimitPerIndex"], spec["maxFailedIndexes"]) == (4, 0)
    evicted, mistake = spec["podFailurePolicy"]["rules"]
    assert evicted == {
        "action": "Ignore",
        "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}],
    }
    assert mistake["action"] == "FailJob"
    assert mistake["onExitCodes"]["values"] == [1]
    assert spec["template"]["spec"]["restartPolicy"] == "Never"


def test_the_objects_go_with_the_steps_pod_and_the_job_waits_in_kueues_queue():
    for document in objects().values():
        assert document["metadata"]["ownerReferences"] == [OWNER]
        assert "kueue.x-k8s.io/queue-name" not in document["metadata"]["labels"]
    queued = objects(worker_queue="gpus")
    assert queued["job"]["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "gpus"
    assert "kueue.x-k8s.io/queue-name" not in queued["service"]["metadata"]["labels"]


def test_workers_without_a_folder_in_common_are_refused_before_the_package_is_made():
    with pytest.raises(ConfigurationError, match=r"^kubeflow\.work_dir: given '/tmp/steadyfeed'"):
        made(work_dir="/tmp/steadyfeed")


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    from kfp.compile_package import compile_package

    kubeflow = {
        "work_dir": "/work/steadyfeed",
        "every_step": {"cpu": "1", "memory": "4Gi"},
        "steps": {"Trainer": STEP.model_dump(exclude_unset=True)},
    }
    written = yaml.safe_dump(kubeflow, default_flow_style=True, width=10**6)
    words = [f"kubeflow={written}", "training.workers=4"]
    file = tmp_path_factory.mktemp("workers") / "digits.yaml"
    return read_package(compile_package(load("configs/digits.yaml", words), file))


def test_the_package_has_the_job_in_the_trainers_step_which_itself_needs_no_gpu(package):
    spec, kubernetes = package
    container = spec["deploymentSpec"]["executors"]["Trainer_executor"]["container"]
    assert not container["image"].endswith("-gpu")
    assert container["resources"] == {"resourceCpuLimit": "1", "resourceMemoryLimit": "4Gi"}
    fields = kubernetes["Trainer_executor"]
    assert [mount["mountPath"] for mount in fields["pvcMount"]] == ["/work"]
    assert not fields.keys() & {"nodeSelector", "tolerations", "secretAsEnv"}
    [given] = [one["value"] for one in container["env"] if one["name"] == WORKERS]
    for document in named(json.loads(given), "a", "/work/a", OWNER).values():
        assert mistakes(document) == []
    executors = spec["deploymentSpec"]["executors"].items()
    others = {name: one for name, one in executors if not name.startswith("Trainer")}
    assert WORKERS not in json.dumps(others)


def test_the_step_has_the_image_of_its_pods_which_holds_the_users_code():
    step = Step(image="photos:1", pull_policy="Always", gpu=1)
    kept = waiting(Kubeflow(image="steadyfeed"), step)
    assert (kept.image, kept.pull_policy, kept.gpu) == ("photos:1", "Always", 0)


def test_the_number_of_workers_is_no_parameter_that_the_cache_counts(package):
    spec, _ = package
    inputs = spec["root"]["dag"]["tasks"]["Trainer"]["inputs"]["parameters"]
    assert "workers" not in inputs["training"]["runtimeValue"]["constant"]
