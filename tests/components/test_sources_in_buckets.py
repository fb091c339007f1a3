"""A folder, a manifest and prepared TFDS data give the same examples from a bucket as from here."""

import shutil
from pathlib import Path

import pytest
from tfx.types import standard_artifacts

from components.folder_example_gen import component as folder_component
from components.manifest_example_gen import component as manifest_component
from components.tfds_example_gen import component as tfds_component
from components.tfds_example_gen.dataset import load
from failures import Failure
from settings.data import Features
from settings.manifest_source import ManifestSource
from settings.sources import FolderSource, TfdsSource
from tests.components.source_images import CLASSES, pairs_of, put, said

EXECUTORS = {
    FolderSource: folder_component.FolderExampleGen_Executor,
    ManifestSource: manifest_component.ManifestExampleGen_Executor,
    TfdsSource: tfds_component.TfdsExampleGen_Executor,
}


@pytest.fixture
def ingest(tmp_path):
    """`ingest(kind of source, **its keys)`: the artifact that its executor makes."""

    def run(kind, **keys):
        examples = standard_artifacts.Examples()
        examples.uri = str(tmp_path / "examples")
        source = kind.of(**{"cache_dir": str(tmp_path / "cache"), **keys})
        properties = {
            "source": source.model_dump_json(),
            "features": Features().model_dump_json(),
            "fingerprint": "",
        }
        EXECUTORS[kind](EXECUTORS[kind].Context()).Do({}, {"examples": [examples]}, properties)
        return examples

    return run


@pytest.fixture
def photos(tmp_path, many_images) -> Path:
    """`photos/<class>/<number>` and labels.csv."""
    folder, rows = tmp_path / "photos", ["path,label"]
    for number, content in enumerate(many_images):
        path = f"{CLASSES[number % 2]}/{number}"
        put(folder / path, content)
        rows.append(f"{path},{CLASSES[number % 2]}")
    put(folder / "labels.csv", "\n".join(rows).encode())
    return folder


def test_a_folder_in_a_bucket_gives_the_examples_of_the_folder(bucket, photos, ingest, tmp_path):
    bucket.put_folder(photos, "data/photos")
    here = ingest(FolderSource, path=str(photos))
    expected, fingerprint = pairs_of(here), said(here, "fingerprint")

    there = ingest(FolderSource, path=f"{bucket.address}/data/photos")
    assert pairs_of(there) == expected
    assert said(there, "fingerprint") == fingerprint
    assert said(there, "dataset") == f"{bucket.address}/data/photos"

    moved = ingest(
        FolderSource,
        path=f"{bucket.address}/data/photos/",
        cache_dir=str(tmp_path / "another place"),
        cache_gb=0.001,
    )
    assert said(moved, "fingerprint") == fingerprint


@pytest.mark.parametrize("root", [None, "../photos", "BUCKET/data/photos", "HERE"])
@pytest.mark.parametrize("bucket", ["s3", "gs"], indirect=True)
def test_a_manifest_in_a_bucket_gives_the_examples_of_the_manifest(bucket, photos, ingest, root):
    bucket.put_folder(photos, "data/photos")
    here = ingest(ManifestSource, path=str(photos / "labels.csv"))
    expected, fingerprint = pairs_of(here), said(here, "fingerprint")

    root = root and root.replace("BUCKET", bucket.address).replace("HERE", str(photos))
    there = ingest(ManifestSource, path=f"{bucket.address}/data/photos/labels.csv", root=root)
    assert pairs_of(there) == expected
    assert said(there, "fingerprint") == fingerprint


def test_a_manifest_of_this_machine_can_name_images_in_a_bucket(bucket, photos, ingest):
    bucket.put_folder(photos, "photos")
    expected = pairs_of(ingest(ManifestSource, path=str(photos / "labels.csv")))
    for label in CLASSES:
        shutil.rmtree(photos / label)
    root = f"{bucket.address}/photos"
    there = ingest(ManifestSource, path=str(photos / "labels.csv"), root=root)
    assert pairs_of(there) == expected


@pytest.mark.parametrize("dataset", ["digits:1.0.0", "digits"])
def test_prepared_data_of_tfds_in_a_bucket_gives_the_same_examples(
    bucket, ingest, made_once, dataset
):
    prepared = made_once("prepared-digits", lambda folder: load("digits", str(folder)))
    keys = {"dataset": dataset, "splits": {"train": "train", "test": "test"}}
    here = ingest(TfdsSource, **keys, data_dir=str(prepared))
    expected, fingerprint = said(here, "counts"), said(here, "fingerprint")

    bucket.put_folder(prepared, "tfds")
    bucket.put("tfds/mnist/3.0.1/features.json", b"of a dataset that nobody asked for")
    there = ingest(TfdsSource, **keys, data_dir=f"{bucket.address}/tfds")
    assert said(there, "counts") == expected
    assert said(there, "fingerprint") == fingerprint
    assert said(there, "dataset") == "digits/1.0.0"


def test_data_of_tfds_that_is_not_in_the_bucket_is_one_line(bucket, ingest):
    keys = {"dataset": "digits:1.0.0", "splits": {"train": "train", "test": "test"}}
    bucket.put("tfds/mnist/3.0.1/features.json", b"{}")
    with pytest.raises(Failure, match=r"/tfds/digits: there is nothing at or below this addr"):
        ingest(TfdsSource, **keys, data_dir=f"{bucket.address}/tfds")


def test_a_bad_folder_is_named_by_its_address(bucket, photos, ingest):
    shutil.rmtree(photos / "dog")
    bucket.put_folder(photos, "photos")
    with pytest.raises(Failure, match=rf"^{bucket.address}/photos has one class only, cat"):
        ingest(FolderSource, path=f"{bucket.address}/photos")
