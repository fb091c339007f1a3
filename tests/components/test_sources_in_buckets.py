"""A folder, a manifest and prepared TFDS data give the same examples from a bucket as from here."""

import shutil
from pathlib import Path

import pytest
from tfx.types import standard_artifacts

from components.examples.reading import serialized
from components.folder_example_gen import component as folder_component
from components.manifest_example_gen import component as manifest_component
from components.spans.listing import listing_of
from components.tfds_example_gen import component as tfds_component
from components.tfds_example_gen.dataset import load
from components.tfrecords_example_gen import component as tfrecords_component
from failures import Failure
from files import tfrecords
from settings.data import Features
from settings.manifest_source import ManifestSource
from settings.sources import FolderSource, TfdsSource
from settings.tfrecords_source import TfrecordsSource
from tests.components.source_images import CLASSES, pairs_of, put, said

pytestmark = pytest.mark.slow
EXECUTORS = {
    FolderSource: folder_component.FolderExampleGen_Executor,
    ManifestSource: manifest_component.ManifestExampleGen_Executor,
    TfdsSource: tfds_component.TfdsExampleGen_Executor,
    TfrecordsSource: tfrecords_component.TfrecordsExampleGen_Executor,
}


@pytest.fixture
def ingest(tmp_path):
    """`ingest(kind of source, **its keys)`: the artifact that its executor makes."""

    def run(kind, *, fingerprint="", **keys):
        examples = standard_artifacts.Examples()
        examples.uri = str(tmp_path / "examples")
        source = kind.of(**{"cache_dir": str(tmp_path / "cache"), **keys})
        properties = {
            "source": source.model_dump_json(),
            "features": Features().model_dump_json(),
            "fingerprint": fingerprint,
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


@pytest.mark.parametrize("bucket", ["s3"], indirect=True)
def test_a_folder_that_changed_after_its_bucket_was_listed_is_refused(bucket, photos, ingest):
    bucket.put_folder(photos, "photos")
    keys = {"path": f"{bucket.address}/photos"}
    seen = listing_of(FolderSource(**keys))
    assert len(said(ingest(FolderSource, fingerprint=seen, **keys), "fingerprint")) == 64

    bucket.put("photos/a note", b"none of an image")
    with pytest.raises(Failure, match=r"photos changed while it was read\. Run again\."):
        ingest(FolderSource, fingerprint=seen, **keys)


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


def test_tfrecords_in_a_bucket_give_the_examples_of_the_files(
    bucket, many_images, ingest, tmp_path
):
    for part in range(3):
        values = [
            {"image": image, "label": CLASSES[number % 2].encode()}
            for number, image in enumerate(many_images)
            if number % 3 == part
        ]
        content = b"".join(tfrecords.frame(serialized(one)) for one in values)
        put(tmp_path / "records" / f"{part}.tfrecord", content)
    bucket.put_folder(tmp_path / "records", "of/others")
    here = ingest(TfrecordsSource, path=str(tmp_path / "records"))
    expected, fingerprint = pairs_of(here), said(here, "fingerprint")

    there = ingest(TfrecordsSource, path=f"{bucket.address}/of/others")
    assert pairs_of(there) == expected
    assert said(there, "fingerprint") == fingerprint


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


def test_spans_arrive_in_a_bucket_and_the_newest_are_read(bucket, many_images, ingest):
    for number, content in enumerate(many_images):
        bucket.put(f"arriving/span-{number % 3}/{CLASSES[number // 3 % 2]}/{number}", content)
    path = f"{bucket.address}/arriving/span-{{SPAN}}"
    splits = {"train": 50, "test": 50}
    newest = ingest(FolderSource, path=path, splits=splits)
    assert said(newest, "counts")
    assert sum(map(len, pairs_of(newest).values())) == 40

    two = ingest(FolderSource, path=path, splits=splits, window={"last": 2})
    images = {image for pairs in pairs_of(two).values() for image, _ in pairs}
    assert images == {one for number, one in enumerate(many_images) if number % 3}
