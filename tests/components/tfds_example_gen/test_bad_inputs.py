"""A mistake or bad data stops the run with one line that names it and a way on."""

import os
import pathlib
import shutil
import subprocess
import tempfile

import pytest
import tensorflow_datasets as tfds

from components.batch_predictor.sources import runs_of_dataset
from components.tfds_example_gen import dataset
from components.tfds_example_gen.component import TfdsExampleGen
from components.tfds_example_gen.dataset import load
from components.trainer.input.function import from_tfds
from failures import Failure
from tests.components.tfds_example_gen.failing_ingest import failure_of
from tests.full_disk import full_disk


class FarAway(tfds.core.GeneratorBasedBuilder):
    """A dataset whose download cannot be reached: nothing listens on that port."""

    VERSION = tfds.core.Version("1.0.0")
    url_infos = {"http://127.0.0.1:9/far_away.zip": None}

    def _info(self) -> tfds.core.DatasetInfo:
        features = tfds.features.FeaturesDict({"label": tfds.features.ClassLabel(num_classes=2)})
        return tfds.core.DatasetInfo(builder=self, features=features)

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict:
        dl_manager.download(next(iter(self.url_infos)))

    def _generate_examples(self):
        yield 0, {"label": 0}


class FetchedBefore(FarAway):
    """The same, where what is to be downloaded is on the disk."""

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict:
        return {split: self._generate_examples() for split in ("train", "test")}


class WithoutDownloads(FetchedBefore):
    """The same, where there is nothing to download."""

    url_infos = None


class Faulty(FarAway):
    """A dataset whose own code does not work."""

    url_infos = {}

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict:
        raise KeyError("column")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("scenery_photo/small", "There is no dataset 'scenery_photo'. Did you mean scenery_photos"),
        (
            "scenery_photos/smal",
            "no config 'smal'. Name one of large, small. Did you mean small?",
        ),
        ("scenery_photos/small:7.0.0", "has no version 7.0.0. It has: 1.0.0, 2.0.0."),
        ("digit", "There is no dataset 'digit'. Did you mean digits"),
        ("digits/grey", "Dataset digits has no config 'grey'. Leave the config out."),
        ("digits:0.9.0", "Dataset digits has no version 0.9.0. It has: 1.0.0."),
    ],
)
def test_an_unknown_dataset_config_or_version_lists_what_there_is(name, expected, ingest, data_dir):
    assert expected in failure_of(ingest, name, data_dir, train="train")


@pytest.mark.parametrize("name", ["scenery_photos/small:latest", "huggingface:mnist", ""])
def test_what_is_no_name_of_a_tfds_dataset_is_refused(name, ingest, data_dir):
    with pytest.raises(Failure, match=r"dataset: given .*; allowed: TFDS name\[/config\]"):
        ingest(name, data_dir)
    with pytest.raises(Failure, match="is not the name of a TFDS dataset"):
        load(name, data_dir)


def test_an_unknown_dataset_names_the_prepared_and_the_embedded_ones(ingest, data_dir):
    message = failure_of(ingest, "no_such_thing", data_dir, train="train")

    assert (
        f"Prepared in {data_dir}: scenery_photos; coming with the project: digit_pairs, "
        "digit_scenes, digits." in message
    )


@pytest.mark.parametrize(
    ("split", "expected"),
    [
        ("trian", "has no split 'trian'. It has: train (70), test (20). Did you mean train?"),
        ("validation[:5]", "has no split 'validation'. It has: train (70), test (20)."),
        ("train[:9", "'train[:9' is not a TFDS split expression for scenery_photos/small/2.0.0"),
        ("train[:200%]", "is not a TFDS split expression"),
        ("train[100:]", "is not a TFDS split expression"),
        ("train[5]", "is not a TFDS split expression"),
        ("", "is not a TFDS split expression"),
        ("train[10:10]", "'train[10:10]' selects no example"),
        ("train[10:5]", "'train[10:5]' selects no example"),
        ("test[:1%]", "'test[:1%]' selects no example"),
    ],
)
def test_a_bad_split_names_role_and_expression_and_lists_the_splits(
    split, expected, ingest, data_dir
):
    message = failure_of(ingest, "scenery_photos/small", data_dir, train="train", test=split)

    assert message.startswith("Split test: ")
    assert expected in message
    assert "train (70), test (20)" in message


@pytest.mark.parametrize(
    ("validation", "expected"),
    [
        ("train[60:]", "train ('train[:65]') and validation ('train[60:]') share 5 examples"),
        ("train[:3]+test[:2]", "train ('train[:65]') and validation ('train[:3]+test[:2]') share"),
        ("test[10:15]", "validation ('test[10:15]') and test ('test') share 5 examples"),
    ],
)
def test_splits_that_share_examples_are_refused(ingest, data_dir, validation, expected):
    splits = {"train": "train[:65]", "validation": validation, "test": "test"}
    message = failure_of(ingest, "scenery_photos/small", data_dir, **splits)
    assert message.startswith(f"data.splits: {expected}")


def test_a_dataset_that_is_not_prepared_is_not_downloaded_unasked(ingest, data_dir):
    message = failure_of(ingest, "scenery_photos/large", data_dir, train="train")

    assert "is not prepared in" in message
    prepare = f"Run `tfds build scenery_photos/large:2.0.0 --data_dir={data_dir}` first"
    assert f"{prepare}, or allow the download by data.download: true." in message

    with pytest.raises(Failure, match="first, or allow the download by download=True"):
        from_tfds("scenery_photos/large", "train", (8, 8, 3), 4, training=True, data_dir=data_dir)
    with pytest.raises(Failure, match=r"first\. Prepared in"):  # no option of batch-predict does
        runs_of_dataset("scenery_photos/large", "train", data_dir)


def test_no_network_says_how_to_prepare_the_data_elsewhere(ingest, tmp_path):
    folder = str(tmp_path / "tfds")
    message = failure_of(ingest, "far_away", folder, download=True, test="train")

    assert "127.0.0.1:9 cannot be reached" in message
    assert "On a machine with a network run `tfds build far_away:1.0.0 --data_dir=DIR`" in message
    assert f"copy DIR/far_away to {folder}/far_away." in message


def test_downloads_that_are_already_there_need_no_network(ingest, tmp_path):
    download = tmp_path / "downloads" / "fetched_before" / "data.zip"
    download.parent.mkdir(parents=True)
    download.write_text("")

    ingest("fetched_before", str(tmp_path), download=True)


def test_a_dataset_without_downloads_needs_no_network(ingest, tmp_path):
    ingest("without_downloads", str(tmp_path), download=True)


@pytest.mark.parametrize("role", ["../train", ""])
def test_a_role_that_downstream_components_do_not_know_is_refused(role):
    with pytest.raises(Failure, match="unknown key"):
        TfdsExampleGen(dataset="digits", splits={"train": "train", "test": "test", role: "train"})


def test_a_builder_that_fails_says_so(ingest, tmp_path):
    message = failure_of(ingest, "faulty", str(tmp_path), download=True, test="train")

    assert "faulty/1.0.0 cannot be prepared by TFDS: KeyError: 'column'" in message


def test_a_data_dir_that_is_a_file_is_named(ingest, tmp_path):
    (tmp_path / "file").write_text("")

    message = failure_of(ingest, "digits", str(tmp_path / "file"), train="train")
    assert f"data_dir {tmp_path / 'file'}" in message


@pytest.fixture
def as_nobody(monkeypatch):
    """A folder as a user without rights in it sees it, where the tests run as root."""
    # The tests' own temporary folder is closed to other users, who need one as well.
    folder = pathlib.Path(tempfile.mkdtemp(dir="/tmp"))
    temporary = folder / "temporary"
    temporary.mkdir()
    temporary.chmod(0o777)
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    user = os.geteuid()
    try:
        if user == 0:
            folder.chmod(0o755)
            (folder / "closed").mkdir(mode=0o700)
            os.seteuid(65534)
        else:
            (folder / "closed").mkdir(mode=0)
            folder.chmod(0o555)
        yield folder
    finally:
        os.seteuid(user)
        folder.chmod(0o755)
        shutil.rmtree(folder)


def test_a_data_dir_that_cannot_be_read_is_named(as_nobody):
    with pytest.raises(Failure, match=f"data_dir {as_nobody}/closed cannot be read") as failure:
        dataset.load("digits", str(as_nobody / "closed"))
    assert "\n" not in str(failure.value)


def test_a_data_dir_that_cannot_be_written_is_named(as_nobody):
    with pytest.raises(Failure, match=rf"{as_nobody} is not writable\. Correct") as failure:
        dataset.load("digits", str(as_nobody))
    assert "\n" not in str(failure.value)


def test_a_full_disk_under_the_data_dir_leaves_no_half_dataset(ingest, small_disk):
    message = failure_of(ingest, "digits", str(small_disk), train="train")

    assert f"no space is left in {small_disk}" in message
    assert not list(small_disk.rglob("*.tfrecord*"))


@pytest.fixture
def small_disk(tmp_path: pathlib.Path):
    """Mounts a disk of 64 KiB where the examples go."""
    target = tmp_path / "examples"
    target.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(target)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting takes root")
    yield target
    subprocess.run(["umount", str(target)], check=True)


def test_a_full_disk_stops_the_run_and_keeps_nothing(ingest, digits_dir, small_disk):
    message = failure_of(ingest, "digits", digits_dir, train="train")

    assert str(small_disk) in message
    assert "cannot be written: " in message
    assert "No space left on device" in message
    assert not [path for path in small_disk.rglob("*") if path.is_file()]


def test_a_file_that_may_not_grow_stops_the_run_and_keeps_nothing(ingest, digits_dir, tmp_path):
    with full_disk(50_000):
        message = failure_of(ingest, "digits", digits_dir, train="train")

    assert "cannot be written: " in message
    assert not [path for path in (tmp_path / "examples").rglob("*") if path.is_file()]
