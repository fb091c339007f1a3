"""A prepared dataset whose files are damaged, missing or of another dataset is named."""

import pathlib
import re
import shutil

import pytest
import tensorflow_datasets as tfds

from tests.components.tfds_example_gen.failing_ingest import failure_of


@pytest.fixture
def copied(tmp_path: pathlib.Path, data_dir: str) -> pathlib.Path:
    """The folder of a copy of `scenery_photos/small`, for a test to damage."""
    shutil.copytree(data_dir, tmp_path / "copied")
    return tmp_path / "copied" / "scenery_photos" / "small" / "2.0.0"


def damage(ingest, copied: pathlib.Path) -> str:
    data_dir = str(copied.parents[2])
    message = failure_of(ingest, "scenery_photos/small", data_dir, train="train", test="test")
    written = copied.parents[3] / "examples"
    assert not [path for path in written.rglob("*") if path.is_file()]
    return message


def test_a_corrupt_record_is_named_by_file_and_offset(ingest, copied):
    file = copied / "scenery_photos-train.tfrecord-00003-of-00006"
    content = bytearray(file.read_bytes())
    content[20] ^= 1
    file.write_bytes(content)

    assert f"{file} is damaged at record 0 (byte 0): the checksum of its data" in damage(
        ingest, copied
    )


def test_a_truncated_file_is_named_with_the_offset(ingest, copied):
    file = copied / "scenery_photos-test.tfrecord-00000-of-00006"
    file.write_bytes(file.read_bytes()[:-1])

    place = rf"{file} is damaged at record \d+ \(byte [\d,]+\): the file ends within it"
    assert re.search(place, damage(ingest, copied))


def test_an_empty_file_is_truncated_at_its_beginning(ingest, copied):
    file = copied / "scenery_photos-train.tfrecord-00005-of-00006"
    file.write_bytes(b"")

    assert f"{file} is damaged at record 0 (byte 0): the file ends, and " in damage(ingest, copied)


def test_a_format_that_loses_records_is_found_out(ingest, tmp_path):
    builder = tfds.builder("scenery_photos/large", data_dir=tmp_path)
    builder.download_and_prepare(
        file_format="array_record",
        download_config=tfds.download.DownloadConfig(try_download_gcs=False),
    )
    info = pathlib.Path(builder.data_dir, "dataset_info.json")
    info.write_text(info.read_text().replace('"70"', '"71"'))

    message = failure_of(ingest, "scenery_photos/large", str(tmp_path), train="train")
    assert "holds fewer records than the 71" in message


def test_a_damaged_file_of_another_format_is_named(ingest, tmp_path):
    builder = tfds.builder("scenery_photos/large", data_dir=tmp_path)
    builder.download_and_prepare(
        file_format="parquet",
        download_config=tfds.download.DownloadConfig(try_download_gcs=False),
    )
    file = builder.info.splits["train"].filepaths[0]
    file.write_bytes(file.read_bytes()[:-100])

    message = failure_of(ingest, "scenery_photos/large", str(tmp_path), train="train")
    assert f"{file} cannot be read as parquet: " in message


def test_a_file_of_another_dataset_is_found_by_its_number_of_records(ingest, copied):
    file = copied / "scenery_photos-test.tfrecord-00001-of-00006"
    shutil.copy(copied / "scenery_photos-train.tfrecord-00001-of-00006", file)

    assert f"{file} goes on after byte" in damage(ingest, copied)


def test_a_missing_file_is_named(ingest, copied):
    (copied / "scenery_photos-train.tfrecord-00001-of-00006").unlink()

    message = damage(ingest, copied)
    assert "is not whole: it lacks scenery_photos-train.tfrecord-00001-of-00006" in message


def test_broken_metadata_are_named(ingest, copied):
    info = copied / "dataset_info.json"
    info.write_text(info.read_text()[:100])

    assert "is not whole: ParseError" in damage(ingest, copied)
