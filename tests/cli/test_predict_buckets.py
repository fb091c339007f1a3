"""predict and batch-predict take what is in a bucket, and name each image by its address."""

import json

import pytest

from components.batch_predictor import sources
from components.batch_predictor.images import expand, mask_files
from components.batch_predictor.job import predict_runs
from components.batch_predictor.sources import batches, runs_of
from failures import Failure
from files import tfrecords
from files.buckets import objects
from settings.buckets import Cached
from tests.cli.refusing_model import RefusingModel

pytestmark = pytest.mark.slow
PNG = b"\x89PNG\r\n\x1a\n"
NAMES = ["a/1.png", "a/2", "b/3.png"]


@pytest.fixture
def cached(tmp_path):
    return Cached(cache_dir=str(tmp_path / "cache"))


@pytest.fixture
def photos(bucket):
    """The address of a folder of three images and a text."""
    for name in NAMES:
        bucket.put(f"photos/{name}", PNG + name.encode())
    bucket.put("photos/notes.txt", b"about the photographs")
    return f"{bucket.address}/photos"


def said(runs):
    return [found for run in runs for batch in batches(run) for found in batch]


@pytest.mark.parametrize("bucket", ["s3", "gs"], indirect=True)
def test_images_of_a_bucket_are_named_by_their_addresses(photos, cached):
    runs, line = runs_of(f"{photos}/", cached=cached)
    assert [name for run in runs for name in run.names] == [f"{photos}/{name}" for name in NAMES]
    assert said(runs) == [PNG + name.encode() for name in NAMES]
    assert line.endswith("are left out: notes.txt")

    [run], _ = runs_of(f"{photos}/**/*.png", cached=cached)
    assert run.names == (f"{photos}/a/1.png", f"{photos}/b/3.png")

    found, _ = expand([f"{photos}/a", f"{photos}/b/3.png"], cached)
    assert list(found.paths) == [f"{photos}/{name}" for name in NAMES]
    with pytest.raises(Failure, match="there is nothing at or below this address"):
        expand([f"{photos}/c"], cached)


def test_records_of_a_bucket_are_read(bucket, cached):
    bucket.put("data/x.tfrecord", tfrecords.frame(b"one") + tfrecords.frame(b"two"))
    bucket.put("data/notes.txt", b"about the records")
    [run], line = runs_of(f"{bucket.address}/data", cached=cached)
    assert (run.place, said([run])) == (f"{bucket.address}/data/x.tfrecord", [b"one", b"two"])
    assert line.endswith("are left out: notes.txt")


@pytest.mark.parametrize("root", ["", "../photos", "BUCKET/photos"])
def test_a_manifest_of_a_bucket_names_its_images(bucket, photos, cached, root):
    place = "photos" if not root else "elsewhere"
    bucket.put(f"{place}/images.csv", b"path\nb/3.png\n./a/2\ngone.png\n")
    place = f"{bucket.address}/{place}/images.csv"
    [run], _ = runs_of(place, cached=cached, root=root.replace("BUCKET", bucket.address))
    assert run.names == (f"{photos}/b/3.png", f"{photos}/a/2", f"{photos}/gone.png")
    assert said([run])[:2] == [PNG + b"b/3.png", PNG + b"a/2"]
    assert isinstance(said([run])[2], FileNotFoundError)

    del run  # Else its copy would be given again, as it is.
    bucket.put("photos/images.csv", b"path\n../secret\n")
    with pytest.raises(Failure, match=r"given '\.\./secret'; allowed: a path below"):
        runs_of(f"{photos}/images.csv", cached=cached)


def test_a_job_goes_on_with_another_copy_and_not_with_other_images(
    bucket, photos, cached, tmp_path, monkeypatch
):
    monkeypatch.setattr(sources, "PART", 2)
    output = tmp_path / "out"
    predict_runs(RefusingModel(), runs_of(photos, cached=cached)[0], str(output), lambda _: None)
    [first, second] = sorted(output.glob("predictions-*"))
    names = [json.loads(line)["id"] for line in first.read_text().splitlines()]
    assert names == [f"{photos}/{name}" for name in NAMES[:2]]

    second.unlink()
    another = Cached(cache_dir=str(tmp_path / "another"))
    counted = []

    def again():
        runs, _ = runs_of(photos, cached=another)
        return predict_runs(RefusingModel(), runs, str(output), counted.append)

    assert again().records == 3
    assert counted == [2, 1]

    bucket.put("photos/a/2", PNG + b"!!!")
    with pytest.raises(Failure, match="another model or other data"):
        again()


def test_a_mask_in_a_bucket_is_not_overwritten(bucket):
    bucket.put("masks/2.mask.png", b"of an earlier command")
    masks = f"{bucket.address}/masks"
    assert mask_files(["a/1.png", "b/3.png"], masks)["b/3.png"] == f"{masks}/3.mask.png"
    with pytest.raises(Failure, match=r"/masks/2\.mask\.png exists already"):
        mask_files(["a/1.png", "a/2.png"], masks)


def test_a_bucket_is_asked_once_about_the_masks_of_all_images(bucket, monkeypatch):
    bucket.put("masks/photo.mask.png", b"of an earlier command")
    asked, ask = [], objects._asked
    monkeypatch.setattr(objects, "_asked", lambda *words: asked.append(words) or ask(*words))
    masks = mask_files([f"{number}.png" for number in range(100)], f"{bucket.address}/masks")
    assert len(masks) == 100
    assert len(asked) <= 2
