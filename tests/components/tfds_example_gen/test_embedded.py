"""The embedded datasets are there without the user doing anything, even after a kill."""

import pathlib

import pytest

from components.tfds_example_gen import dataset


def files(folder: pathlib.Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()}


def test_digits_are_prepared_where_they_are_missing(tmp_path):
    builder = dataset.load("digits", str(tmp_path))

    assert builder.info.splits.total_num_examples == 1797
    assert builder.info.full_name == "digits/1.0.0"


def test_what_a_killed_preparation_left_behind_is_removed(tmp_path):
    leftover = tmp_path / "digits" / "incomplete.A1B2C3_1.0.0"
    leftover.mkdir(parents=True)
    (leftover / "digits-train.tfrecord-00000-of-00001").write_bytes(b"half")

    builder = dataset.load("digits", str(tmp_path))

    assert builder.info.splits["train"].num_examples == 1438
    assert not leftover.exists()


@pytest.mark.slow
def test_half_a_copy_is_prepared_again(tmp_path):
    whole = files(pathlib.Path(dataset.load("digits", str(tmp_path)).data_dir))
    folder = tmp_path / "digits" / "1.0.0"
    (folder / "digits-test.tfrecord-00000-of-00001").unlink()

    dataset.load("digits", str(tmp_path))

    assert files(folder) == whole


@pytest.mark.slow
def test_half_written_metadata_are_prepared_again(tmp_path):
    info = pathlib.Path(dataset.load("digits", str(tmp_path)).data_dir, "dataset_info.json")
    info.write_text(info.read_text()[:50])

    assert dataset.load("digits", str(tmp_path)).info.splits.total_num_examples == 1797
