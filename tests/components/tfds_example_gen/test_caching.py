"""TfdsExampleGen in a TFX pipeline: unchanged data is cached, changed data never is."""

import os
import pathlib
import shutil

import pytest
from ml_metadata.proto import metadata_store_pb2
from tfx.orchestration import metadata
from tfx.orchestration import pipeline as tfx_pipeline
from tfx.orchestration.local import local_dag_runner

from components.tfds_example_gen import dataset, fingerprint, splits
from components.tfds_example_gen.component import TfdsExampleGen
from components.tfds_example_gen.driver import Driver
from files import tfrecords
from settings.sources import TfdsSource
from tests import tensorflow_records

SPLITS = {"train": "train[:90%]", "test": "test"}


@pytest.fixture
def copied(tmp_path: pathlib.Path, digits_dir: str) -> str:
    shutil.copytree(digits_dir, tmp_path / "data")
    return str(tmp_path / "data")


@pytest.fixture
def run_pipeline(tmp_path: pathlib.Path):
    """Runs a pipeline of TfdsExampleGen alone; returns whether its run was cached."""

    def run(**arguments) -> bool:
        connection = metadata.sqlite_metadata_connection_config(str(tmp_path / "metadata.db"))
        pipeline = tfx_pipeline.Pipeline(
            pipeline_name="ingest",
            pipeline_root=str(tmp_path / "root"),
            components=[TfdsExampleGen(**arguments)],
            enable_cache=True,
            metadata_connection_config=connection,
        )
        local_dag_runner.LocalDagRunner().run(pipeline)
        with metadata.Metadata(connection) as handle:
            executions = handle.store.get_executions()
        return executions[-1].last_known_state == metadata_store_pb2.Execution.CACHED

    return run


def replace_a_pixel(data_dir: str) -> None:
    """Changes one record to another valid one; the file keeps its size and its times."""
    file = pathlib.Path(data_dir, "digits/1.0.0/digits-train.tfrecord-00000-of-00001")
    times = file.stat().st_atime_ns, file.stat().st_mtime_ns
    stored = tensorflow_records.records(file)
    changed = bytearray(stored[700])
    changed[200] ^= 1
    stored[700] = bytes(changed)
    file.write_bytes(b"".join(map(tfrecords.frame, stored)))
    os.utime(file, ns=times)


@pytest.mark.slow
def test_the_second_run_is_cached_until_something_changes(run_pipeline, copied):
    asked = {"dataset": "digits", "splits": SPLITS, "data_dir": copied}

    assert not run_pipeline(**asked)
    assert run_pipeline(**asked)
    assert not run_pipeline(**asked | {"splits": SPLITS | {"train": "train"}})
    replace_a_pixel(copied)
    assert not run_pipeline(**asked)
    assert run_pipeline(**asked)


@pytest.mark.slow
@pytest.mark.parametrize("bucket", ["s3", "gs"], indirect=True)
def test_a_large_dataset_of_a_bucket_is_known_in_every_copy_of_it(
    bucket, copied, tmp_path, monkeypatch
):
    monkeypatch.setattr(fingerprint, "_HASHED_BYTES", 0)

    def seen_in(cache: str) -> str:
        keys = {"data_dir": f"{bucket.address}/tfds", "cache_dir": str(tmp_path / cache)}
        source = TfdsSource.of(dataset="digits", splits=SPLITS, **keys)
        return Driver(None).value({}, {"source": source.model_dump_json()})

    bucket.put_folder(pathlib.Path(copied), "tfds")
    before = seen_in("first")
    assert seen_in("second") == before
    bucket.put("tfds/digits/0.1.0/a note", b"none of the files that are read")
    assert seen_in("first") == before

    replace_a_pixel(copied)
    bucket.put_folder(pathlib.Path(copied), "tfds")
    assert seen_in("first") != before


def fingerprint_of(data_dir: str, **expressions: str) -> str:
    builder = dataset.load("digits", data_dir)
    return fingerprint.fingerprint(builder, splits.select(builder, expressions or SPLITS))


@pytest.mark.parametrize("hashed_bytes", [fingerprint._HASHED_BYTES, 0])
def test_changed_content_of_the_same_size_and_time_is_another_fingerprint(
    hashed_bytes, copied, monkeypatch
):
    monkeypatch.setattr(fingerprint, "_HASHED_BYTES", hashed_bytes)
    before = fingerprint_of(copied)

    assert fingerprint_of(copied) == before
    replace_a_pixel(copied)
    assert fingerprint_of(copied) != before


def test_other_names_of_the_classes_are_another_fingerprint(copied):
    before = fingerprint_of(copied)
    file = pathlib.Path(copied, "digits/1.0.0/label.labels.txt")
    file.write_text(file.read_text().replace("7", "seven"))

    assert fingerprint_of(copied) != before


def test_a_copy_of_a_small_dataset_has_the_same_fingerprint(copied, digits_dir):
    assert fingerprint_of(copied) == fingerprint_of(digits_dir)


def test_another_slice_or_another_role_is_another_fingerprint(digits_dir):
    asked = [{"train": "train"}, {"train": "train[:99%]"}, {"test": "train"}, {"train": "test"}]
    asked += [{"train": "train[:10]"}, {"train": "train[10:20]"}]

    assert len({fingerprint_of(digits_dir, **splits) for splits in asked}) == 6


def test_the_executor_finds_the_fingerprint_that_the_driver_finds(ingest, digits_dir):
    examples = ingest("digits", digits_dir, **SPLITS)

    assert examples.get_string_custom_property("fingerprint") == fingerprint_of(digits_dir)
