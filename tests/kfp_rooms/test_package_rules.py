"""Each rule of the backend: a package that breaks it is refused with the reason."""

import copy

import pytest
from toy_pipeline import FACTOR, toy_pipeline

from kfp.compile_package import compile_pipeline
from kfp.package_rules import PackageRefused, check_package
from settings.kubeflow import Kubeflow
from settings.kubernetes import SecretVariable, Step, Toleration, Volume

TRAINER_LIKE = Step(
    gpu=1,
    shared_memory="2Gi",
    node_selector={"node/kind": "gpu"},
    tolerations=[Toleration(key="nvidia.com/gpu", effect="NoSchedule")],
    volumes=[Volume(claim="models", mount_path="/models")],
    secrets=[SecretVariable(secret="bucket", key="token", variable="TOKEN")],
    pull_policy="IfNotPresent",
    retries=2,
)


@pytest.fixture(scope="module")
def good():
    kubeflow = Kubeflow(image="toy:1", steps={"Add": TRAINER_LIKE})
    return compile_pipeline(toy_pipeline("/models"), kubeflow, [FACTOR])


def executor(spec, name):
    return spec["deploymentSpec"]["executors"][f"{name}_executor"]


def task(spec, name):
    return spec["root"]["dag"]["tasks"][name]


def kubernetes(platform):
    return platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]["Add_executor"]


def claim(platform, name):
    [mount] = kubernetes(platform)["pvcMount"]
    mount["pvcNameParameter"]["runtimeValue"]["constant"] = name


BREAKS = {
    "schemaVersion 2.0.0; allowed: 2.1.0": lambda s, p: s.update(schemaVersion="2.0.0"),
    "lower-case letters": lambda s, p: s["pipelineInfo"].update(name="Toy_1"),
    "63 at most": lambda s, p: s["pipelineInfo"].update(name="a" * 64),
    "not a pipeline spec": lambda s, p: s.update(pipelineRoot="minio://b"),
    "its executor Gone is not in": lambda s, p: s["components"]["Add"].update(executorLabel="Gone"),
    "each content needs a tag of its own": lambda s, p: executor(s, "Add")["container"].update(
        image="toy:latest"
    ),
    "image 'toy'": lambda s, p: executor(s, "Add")["container"].update(image="toy"),
    "Argo reads as the beginning": lambda s, p: task(s, "Count")["inputs"]["parameters"].update(
        settings={"runtimeValue": {"constant": "{{workflow.uid}}"}}
    ),
    "parameter settings has neither a value nor": lambda s, p: task(s, "Count")["inputs"][
        "parameters"
    ].pop("settings"),
    "travel in one argument": lambda s, p: task(s, "Count")["inputs"]["parameters"].update(
        settings={"runtimeValue": {"constant": "x" * 100_001}}
    ),
    "parameter count: no default": lambda s, p: s["root"]["inputDefinitions"]["parameters"][
        "count"
    ].pop("defaultValue"),
    "a condition; let the component decide": lambda s, p: task(s, "Push").update(
        triggerPolicy={"condition": "inputs.artifacts['model'].artifacts[0].uri == 'x'"}
    ),
    "variable A holds '{{'": lambda s, p: executor(s, "Count")["container"]["env"].append(
        {"name": "A", "value": "{{inputs.parameters.x}}"}
    ),
    "STEADYFEED_ORIGIN (a text of the configuration) holds": lambda s, p: executor(s, "Count")[
        "container"
    ]["env"].append({"name": "STEADYFEED_ORIGIN", "value": "{{x}}"}),
    "backoffMaxDuration 60s; the backend": lambda s, p: task(s, "Add")["retryPolicy"].update(
        backoffMaxDuration="60s"
    ),
    "backoffMaxDuration 0s; the backend": lambda s, p: task(s, "Add")["retryPolicy"].pop(
        "backoffMaxDuration"
    ),
    "the claim models is mounted at two paths": lambda s, p: kubernetes(p)["pvcMount"].append(
        {**kubernetes(p)["pvcMount"][0], "mountPath": "/other"}
    ),
    "the claim photos.v2 names a volume of the pod": lambda s, p: claim(p, "photos.v2"),
    "hyphens, at most 63": lambda s, p: claim(p, "a" * 64),
    "the claim shm has the name of the volume of shared_memory": lambda s, p: claim(p, "shm"),
    "a part is missing": lambda s, p: s["components"].pop("Add"),
    "Gone_executor is not an executor": lambda s, p: p["platforms"]["kubernetes"]["deploymentSpec"][
        "executors"
    ].update(Gone_executor={}),
    "enabledSharedMemory: unknown key": lambda s, p: kubernetes(p).update(
        enabledSharedMemory={"size": "2Gi"}
    ),
    "platforms.kubernetes and nothing else": lambda s, p: p["platforms"].update(other={}),
}


def test_a_good_package_is_taken(good):
    check_package(good)


@pytest.mark.parametrize("reason", BREAKS)
def test_what_the_backend_refuses_is_refused_here_with_the_reason(good, reason):
    spec, platform = copy.deepcopy(good)
    BREAKS[reason](spec, platform)

    with pytest.raises(PackageRefused) as refusal:
        check_package([spec, platform])

    assert reason in str(refusal.value)


def test_a_claim_may_have_63_characters_and_without_shared_memory_the_name_of_its_volume(good):
    spec, platform = copy.deepcopy(good)
    claim(platform, "a" * 63)
    check_package([spec, platform])
    claim(platform, "shm")
    del kubernetes(platform)["emptyDirMounts"]
    check_package([spec, platform])


@pytest.mark.parametrize("documents", [[], [{}], ["text"], [{"platforms": {}}]])
def test_what_is_not_a_package_is_refused(documents):
    with pytest.raises(PackageRefused):
        check_package(documents)


def test_two_pipelines_in_one_file_are_refused(good):
    with pytest.raises(PackageRefused, match="one pipeline spec"):
        check_package([good[0], good[0]])


def test_a_package_that_no_workflow_object_holds_is_refused(good):
    spec, platform = copy.deepcopy(good)
    arguments = executor(spec, "Add")["container"]["args"]
    arguments += ["x" * 90_000] * 8

    with pytest.raises(PackageRefused, match=r"more than 650,000 bytes"):
        check_package([spec, platform])
