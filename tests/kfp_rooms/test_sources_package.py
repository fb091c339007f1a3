"""Packages whose data is a manifest in a volume that the ExampleGen mounts, or TFRecords."""

import csv
import io
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from components.examples.reading import serialized
from components.model_store.versions import list_versions
from failures import ConfigurationError
from files import tfrecords
from kfp.compile_package import compile_package
from kfp.image_tag import PROJECT
from kfp.package_rules import read_package
from kfp.run_package import run_package
from settings.reading import load

CLAIM, MOUNT = "photos", "/data"
# By source: its ExampleGen, and the place of its data in the volume.
PLACES = {
    "manifest": ("ManifestExampleGen", "photos/labels.csv"),
    "tfrecords": ("TfrecordsExampleGen", "records"),
}


def package_of(tmp_path, source, **kubeflow):
    example_gen, place = PLACES[source]
    volumes = {example_gen: {"volumes": [{"claim": CLAIM, "mount_path": MOUNT}]}}
    configuration = {
        "name": "shades",
        "root": "runs/shades",
        "data": {"source": source, "path": f"/home/ann/{place}"},
        "preprocessing": {"height": 8, "width": 8},
        "model": {"name": "small_cnn"},
        "training": {"epochs": 3},
        "evaluation": {"thresholds": {"accuracy": {"min": 0.6}}},
        "push": {"destination": "runs/shades/pushed"},
        "kubeflow": {"data_dir": f"{MOUNT}/{place}", "steps": volumes} | kubeflow,
    }
    file = tmp_path / "shades.yaml"
    file.write_text(yaml.safe_dump(configuration))
    return compile_package(load(file), tmp_path / "package.yaml")


def fill(volume: Path) -> None:
    """Writes the same 120 images as files with a manifest, and as TFRecords."""
    chance, rows, records = np.random.default_rng(0), [("path", "label")], []
    for number in range(120):
        label, low = (("dark", 0), ("light", 140))[number % 2]
        pixels = chance.integers(low, low + 110, (9, 9, 3), dtype=np.uint8)
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "PNG")
        (volume / "photos").mkdir(parents=True, exist_ok=True)
        (volume / "photos" / f"{number}.png").write_bytes(file.getvalue())
        rows.append((f"{number}.png", label))
        values = {"image": file.getvalue(), "label": label.encode()}
        records.append(tfrecords.frame(serialized(values)))
    with open(volume / "photos" / "labels.csv", "w", newline="") as file:
        csv.writer(file).writerows(rows)
    (volume / "records").mkdir()
    (volume / "records" / "all.tfrecord").write_bytes(b"".join(records))


@pytest.mark.slow
@pytest.mark.parametrize("source", PLACES)
def test_data_in_a_volume_are_mounted_for_the_step_that_reads_them(tmp_path, source):
    package = package_of(tmp_path, source)
    example_gen, place = PLACES[source]

    _, kubernetes = read_package(package)
    [mount] = kubernetes[f"{example_gen}_executor"]["pvcMount"]
    assert mount["mountPath"] == MOUNT
    assert f"{MOUNT}/{place}" in package.read_text()
    assert "/home/ann" not in package.read_text()


@pytest.mark.slow
def test_a_manifest_in_a_volume_is_read_by_its_step(tmp_path, run_before, monkeypatch):
    # How examples become a pushed model: test_folder_package.py.
    monkeypatch.chdir(PROJECT)
    fill(tmp_path / "work" / "volumes" / CLAIM)
    package, ending = package_of(tmp_path, "manifest"), run_before("SchemaGen")
    run = run_package(package, [], "minio://bucket/runs", tmp_path / "work", run_command=ending)

    assert (run.outcomes[1].component, run.outcomes[1].status) == ("ManifestExampleGen", "ran")
    assert run.outcomes[1].made == "120 examples in 3 splits"


@pytest.mark.slow
@pytest.mark.parametrize("bucket", ["s3"], indirect=True)
def test_tfrecords_in_a_bucket_become_a_model_there_and_are_trained_on_once(
    tmp_path, run_here, bucket, monkeypatch
):
    monkeypatch.chdir(PROJECT)
    fill(tmp_path)
    bucket.put_folder(tmp_path / "records", "records")
    places = {
        "data_dir": f"{bucket.address}/records",
        "push_destination": f"{bucket.address}/models",
        "work_dir": f"{tmp_path}/pod",
        "steps": {},
    }
    package = package_of(tmp_path, "tfrecords", **places)
    given = {"run_command": run_here, "reuse": True}
    first, second = (
        run_package(package, [], "s3://runs/of", tmp_path / "work", **given) for _ in range(2)
    )

    assert not first.failed, first.outcomes[-1].error
    assert not second.failed, second.outcomes[-1].error
    assert first.outcomes[1].component == "TfrecordsExampleGen"
    assert first.outcomes[1].made == "120 examples in 3 splits"
    assert {outcome.status for outcome in first.outcomes} == {"ran"}
    statuses = {outcome.component: outcome.status for outcome in second.outcomes}
    assert {statuses[step] for step in ("TfrecordsExampleGen", "Transform", "Trainer")} == {
        "cached"
    }
    assert [version.number for version in list_versions(f"{bucket.address}/models")] == [1]


@pytest.mark.parametrize(
    ("source", "data_dir", "expected"),
    [
        ("manifest", None, "kubeflow.data_dir: missing; data.path is a folder of this machine"),
        (
            "manifest",
            "/data/photos",
            "kubeflow.data_dir: given '/data/photos'; allowed",
        ),
        ("tfrecords", None, "kubeflow.data_dir: missing; data.path is a folder of this machine"),
    ],
)
def test_a_place_that_a_pod_cannot_read_is_one_line(source, data_dir, expected, tmp_path):
    with pytest.raises(ConfigurationError) as mistake:
        package_of(tmp_path, source, data_dir=data_dir)
    assert expected in str(mistake.value)
    assert len(str(mistake.value).splitlines()) == 1
