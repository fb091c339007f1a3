import yaml
from toy_pipeline import FACTOR, toy_pipeline, write_toy_package

from kfp.compile_package import compile_pipeline
from kfp.image_tag import content_tag
from kfp.reserved_gpus import GPUS
from settings.kubeflow import Kubeflow
from settings.kubernetes import SecretVariable, Step, Toleration, Volume


def compiled(**fields):
    return compile_pipeline(toy_pipeline("/models"), Kubeflow(**fields), [FACTOR])


def container(spec, name):
    return spec["deploymentSpec"]["executors"][f"{name}_executor"]["container"]


def test_the_package_is_two_documents_of_plain_yaml(tmp_path):
    kubeflow = Kubeflow(image="toy:1", every_step=Step(pull_policy="Never"))

    path = write_toy_package(tmp_path / "deep" / "toy.yaml", "/models", kubeflow)

    spec, platform = yaml.safe_load_all(path.read_text())
    assert spec["pipelineInfo"] == {"name": "toy"}
    assert set(platform) == {"platforms"}
    assert [p.name for p in path.parent.iterdir()] == ["toy.yaml"]


def test_without_wishes_there_is_no_second_document():
    assert len(compiled(image="toy:1")) == 1


def test_every_step_runs_our_entrypoint_in_an_image_named_by_its_content():
    [spec] = compiled(image="toy")

    for name in spec["components"]:
        step = container(spec, name)
        assert step["command"] == ["python", "-m", "kfp.entrypoint"]
        assert step["image"] == f"toy:{content_tag()}"


def test_a_gpu_is_for_the_step_that_asks_and_comes_with_its_image():
    spec, _ = (
        compiled(image="toy", steps={"Add": Step(gpu=1, cpu="4", memory="8Gi", cache=True)}),
        0,
    )
    [spec] = spec

    assert container(spec, "Add")["resources"] == {
        "accelerator": {"resourceType": "nvidia.com/gpu", "resourceCount": "1"},
        "resourceCpuLimit": "4",
        "resourceMemoryLimit": "8Gi",
    }
    assert container(spec, "Add")["image"] == f"toy:{content_tag()}-gpu"
    assert {"name": GPUS, "value": "1"} in container(spec, "Add")["env"]
    assert "resources" not in container(spec, "Count")
    assert GPUS not in {variable["name"] for variable in container(spec, "Count")["env"]}


def test_wishes_of_a_step_come_over_those_of_every_step():
    every, one = Step(cpu="1", memory="2Gi", retries=1), Step(memory="4Gi", environment={"A": "b"})

    [spec] = compiled(image="toy:1", every_step=every, steps={"Add": one})

    assert container(spec, "Add")["resources"] == {
        "resourceCpuLimit": "1",
        "resourceMemoryLimit": "4Gi",
    }
    assert {"name": "A", "value": "b"} in container(spec, "Add")["env"]
    assert container(spec, "Count")["resources"]["resourceMemoryLimit"] == "2Gi"
    assert spec["root"]["dag"]["tasks"]["Add"]["retryPolicy"]["maxRetryCount"] == 1


def test_placement_volumes_and_secrets_are_in_the_platform_document():
    step = Step(
        node_selector={"kind": "big"},
        tolerations=[Toleration(key="nvidia.com/gpu", effect="NoSchedule")],
        volumes=[Volume(claim="models", mount_path="/models")],
        secrets=[SecretVariable(secret="bucket", key="token", variable="TOKEN")],
        pull_policy="IfNotPresent",
        shared_memory="2Gi",
    )

    _, platform = compiled(image="toy:1", steps={"Add": step})

    executors = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    assert executors == {
        "Add_executor": {
            "imagePullPolicy": "IfNotPresent",
            "nodeSelector": {"labels": {"kind": "big"}},
            "tolerations": [
                {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
            ],
            "pvcMount": [
                {
                    "mountPath": "/models",
                    "pvcNameParameter": {"runtimeValue": {"constant": "models"}},
                }
            ],
            "secretAsEnv": [
                {
                    "secretNameParameter": {"runtimeValue": {"constant": "bucket"}},
                    "keyToEnv": [{"secretKey": "token", "envVar": "TOKEN"}],
                }
            ],
            "emptyDirMounts": [
                {
                    "volumeName": "shm",
                    "mountPath": "/dev/shm",
                    "medium": "Memory",
                    "sizeLimit": "2Gi",
                }
            ],
        }
    }


def test_a_step_is_cached_unless_it_reads_what_may_change_or_says_otherwise():
    [spec] = compiled(image="toy:1", steps={"Add": Step(cache=False)})

    tasks = spec["root"]["dag"]["tasks"]
    assert tasks["Count"]["cachingOptions"] == {"enableCache": True}
    assert tasks["Add"]["cachingOptions"] == {}


def test_a_run_may_be_given_what_the_configuration_names():
    [spec] = compiled(image="toy:1")

    assert spec["root"]["inputDefinitions"]["parameters"]["factor"] == {
        "parameterType": "NUMBER_INTEGER",
        "defaultValue": 1,
    }
