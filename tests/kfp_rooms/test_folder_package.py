"""A package whose data is a folder of images: a path of a volume that its step mounts."""

import io
import json

import numpy as np
import pytest
import yaml
from PIL import Image

from components.model_store.versions import list_versions
from failures import ConfigurationError
from kfp.compile_package import compile_package
from kfp.image_tag import PROJECT
from kfp.package_rules import read_package
from kfp.run_package import run_package
from settings.reading import load

CLAIM, MOUNT = "photos", "/data"
PHOTOS = {
    "name": "shades",
    "root": "runs/shades",
    "data": {"source": "folder", "path": "/home/ann/photos"},
    "preprocessing": {"height": 8, "width": 8},
    "model": {"name": "small_cnn", "parameters": {"filters": [8]}},
    "training": {"epochs": 3},
    "evaluation": {"thresholds": {"accuracy": {"min": 0}}},
    "serving": {"check": False},
    "push": {"destination": "runs/shades/pushed"},
    "kubeflow": {
        "data_dir": f"{MOUNT}/photos",
        "steps": {"FolderExampleGen": {"volumes": [{"claim": CLAIM, "mount_path": MOUNT}]}},
    },
}


def shades():
    """(<class>/<name>, content) of 120 small images."""
    chance = np.random.default_rng(0)
    for label, low in {"dark": 0, "light": 140}.items():
        for number in range(60):
            pixels = chance.integers(low, low + 110, (9, 9, 3), dtype=np.uint8)
            file = io.BytesIO()
            Image.fromarray(pixels).save(file, "PNG")
            yield f"{label}/{number}.png", file.getvalue()


def package_of(tmp_path, *overrides):
    file = tmp_path / "shades.yaml"
    file.write_text(yaml.safe_dump(PHOTOS))
    return compile_package(load(file, overrides), tmp_path / "package.yaml")


def test_the_folder_of_a_package_is_that_of_the_volume_and_looked_at_in_every_run(tmp_path):
    path = package_of(tmp_path, "kubeflow.steps.DataFingerprint.memory=1Gi")
    spec, kubernetes = read_package(path)

    assert "/data/photos" in path.read_text()
    assert "/home/ann" not in path.read_text()
    tasks = spec["root"]["dag"]["tasks"]
    assert not tasks["DataFingerprint"]["cachingOptions"]
    assert tasks["FolderExampleGen"]["cachingOptions"]
    for step in ("DataFingerprint", "FolderExampleGen"):
        assert kubernetes[f"{step}_executor"]["pvcMount"][0]["mountPath"] == MOUNT
    container = spec["deploymentSpec"]["executors"]["DataFingerprint_executor"]["container"]
    assert container["resources"] == {"resourceMemoryLimit": "1Gi"}


def test_what_the_fingerprint_asks_for_is_measured_by_the_limits_of_the_examplegen(tmp_path):
    steps = "kubeflow.every_step.memory=4Gi", "kubeflow.steps.FolderExampleGen.memory=16Gi"
    asks = "kubeflow.steps.DataFingerprint.memory_request={}Gi"
    spec, _ = read_package(package_of(tmp_path, *steps, asks.format(8)))

    container = spec["deploymentSpec"]["executors"]["DataFingerprint_executor"]["container"]
    limits = {"resourceMemoryLimit": "16Gi", "resourceMemoryRequest": "8Gi"}
    assert container["resources"] == limits
    refused = "steps.DataFingerprint: memory_request 17Gi is above memory 16Gi"
    with pytest.raises(ConfigurationError, match=refused):
        package_of(tmp_path, *steps, asks.format(17))


@pytest.mark.parametrize("cache", [True, False])
def test_a_user_may_decide_whether_a_folder_is_read_without_a_look_at_it(tmp_path, cache):
    word = str(cache).lower()
    spec, _ = read_package(package_of(tmp_path, f"kubeflow.steps.FolderExampleGen.cache={word}"))

    tasks = spec["root"]["dag"]["tasks"]
    assert bool(tasks["FolderExampleGen"]["cachingOptions"]) == cache
    assert "DataFingerprint" not in tasks


def test_the_parameters_of_a_run_are_those_that_the_source_has(tmp_path):
    spec, _ = read_package(package_of(tmp_path))
    parameters = spec["root"]["inputDefinitions"]["parameters"]
    assert set(parameters) == {"epochs", "learning_rate", "trigger"}

    spec, _ = read_package(package_of(tmp_path, "kubeflow.parameters={photos: data.path}"))
    parameters = spec["root"]["inputDefinitions"]["parameters"]
    assert parameters["photos"]["defaultValue"] == "/data/photos"


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("kubeflow.data_dir=null", "kubeflow.data_dir: missing; data.path is a folder of this"),
        ("kubeflow.data_dir=gs://Bucket/photos", "allowed with data.source folder: the path of a"),
        ("kubeflow.parameters={d: data.dataset}", "kubeflow.parameters.d: given 'data.dataset'"),
    ],
)
def test_what_a_folder_cannot_be_given_is_one_line(tmp_path, override, expected):
    with pytest.raises(ConfigurationError, match=expected) as mistake:
        package_of(tmp_path, override)
    assert len(str(mistake.value).splitlines()) == 1


def test_a_folder_in_a_bucket_is_that_of_the_package_without_any_secret(tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-secret")
    path = package_of(
        tmp_path,
        "data.path=s3://photos/of cats",
        "push.destination=gs://models/shades",
        "kubeflow={steps: {Pusher: {secrets: [{secret: s, key: k, variable: AWS_ACCESS_KEY_ID}]}}}",
    )
    spec, kubernetes = read_package(path)
    tasks = spec["root"]["dag"]["tasks"]

    def given(task, name):
        return tasks[task]["inputs"]["parameters"][name]["runtimeValue"]["constant"]

    source = json.loads(given("FolderExampleGen", "source"))
    assert (source["path"], source["cache_dir"]) == (
        "s3://photos/of cats",
        "/tmp/steadyfeed/buckets",
    )
    for task in ("ChampionResolver", "Pusher"):
        assert given(task, "push_destination") == "gs://models/shades"
        assert "pvcMount" not in kubernetes.get(f"{task}_executor", {})
    assert "secretAsEnv" in kubernetes["Pusher_executor"]
    assert "a-secret" not in path.read_text()


def test_the_bucket_of_a_cluster_takes_the_place_of_a_folder(tmp_path):
    path = package_of(tmp_path, "kubeflow={data_dir: s3://photos, push_destination: s3://models}")
    assert "/home/ann" not in path.read_text()
    assert "s3://photos" in path.read_text()


@pytest.mark.slow
def test_a_folder_in_a_volume_is_trained_on_again_only_when_it_changed(
    tmp_path, run_here, run_before, monkeypatch
):
    monkeypatch.chdir(PROJECT)
    photos = tmp_path / "work" / "volumes" / CLAIM / "photos"
    package = package_of(tmp_path)
    files = list(shades())

    def put(files):
        for path, content in files:
            (photos / path).parent.mkdir(parents=True, exist_ok=True)
            (photos / path).write_bytes(content)

    def statuses(run_command=run_here):
        given = {"run_command": run_command, "reuse": True}
        run = run_package(package, ["epochs=2"], "minio://bucket/runs", tmp_path / "work", **given)
        made = {outcome.component: outcome.made for outcome in run.outcomes}
        return made, {outcome.component: outcome.status for outcome in run.outcomes}

    put(files[1:])
    made, first = statuses()
    assert set(first.values()) == {"ran"}
    assert made["FolderExampleGen"] == "119 examples in 3 splits"
    pushed = tmp_path / "work" / "volumes" / "steadyfeed-models" / "shades" / "1"
    assert (pushed / "saved_model.pb").is_file()
    assert " in 2 epochs" in made["Trainer"]

    _, second = statuses()
    ran = {step for step, status in second.items() if status == "ran"}
    assert ran == {"DataFingerprint", "ChampionResolver", "Evaluator", "Pusher"}

    put(files[:1])
    made, third = statuses(run_before("Trainer"))
    assert made["FolderExampleGen"] == "120 examples in 3 splits"
    assert {third[step] for step in ("FolderExampleGen", "Transform")} == {"ran"}
    assert third["Trainer"] == "failed"


@pytest.mark.slow
def test_a_folder_that_changes_after_it_was_looked_at_is_left_to_the_next_run(
    tmp_path, run_here, monkeypatch
):
    monkeypatch.chdir(PROJECT)
    photos = tmp_path / "work" / "volumes" / CLAIM / "photos"
    *files, late = shades()
    for path, content in files:
        (photos / path).parent.mkdir(parents=True, exist_ok=True)
        (photos / path).write_bytes(content)

    def change(outcome):
        if outcome.component == "DataFingerprint":
            (photos / late[0]).write_bytes(late[1])

    given = {"observe": change, "run_command": run_here}
    run = run_package(package_of(tmp_path), [], "minio://bucket/runs", tmp_path / "work", **given)

    assert [outcome.status for outcome in run.outcomes] == ["ran", "failed"]
    assert "photos changed while it was read. Run again." in run.outcomes[-1].error


@pytest.mark.slow
@pytest.mark.parametrize("bucket", ["s3"], indirect=True)
def test_a_folder_in_a_bucket_becomes_a_model_in_a_bucket(tmp_path, run_here, bucket, monkeypatch):
    monkeypatch.chdir(PROJECT)
    for path, content in shades():
        bucket.put(f"photos/{path}", content)
    package = package_of(
        tmp_path,
        f"data.path={bucket.address}/photos",
        "serving.check=true",
        f"kubeflow={{push_destination: {bucket.address}/models, work_dir: {tmp_path}/pod}}",
    )
    for _ in range(2):
        work = tmp_path / "work"
        run = run_package(package, [], "s3://runs/of", work, run_command=run_here)
        assert not run.failed, run.outcomes
        assert run.outcomes[1].made == "120 examples in 3 splits"
    assert [version.number for version in list_versions(f"{bucket.address}/models")] == [1, 2]
    assert not (tmp_path / "work" / "volumes").exists()
