"""The embedded datasets are there without the user doing anything, even after a kill."""

import pathlib
import sys

import pytest

from components.tfds_example_gen import dataset
from failures import Failure


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


@pytest.fixture
def without_scikit_learn(monkeypatch):
    """What importing finds where only the wheel of the input function is installed, with TFDS."""
    for name in ("sklearn", "sklearn.datasets"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, "datasets.digits", raising=False)


def test_prepared_digits_are_read_without_what_makes_them(digits_dir, without_scikit_learn):
    assert dataset.load("digits", digits_dir).info.splits.total_num_examples == 1797


def test_what_makes_digits_is_named_where_it_is_missing(tmp_path, without_scikit_learn):
    with pytest.raises(Failure, match=r"^Dataset digits is not prepared in .*Install pillow and"):
        dataset.load("digits", str(tmp_path))
