"""What TfdsExampleGen makes of datasets of several kinds, against what TFDS itself reads."""

import json
import pathlib
import resource
import shutil

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from tensorflow_metadata.proto.v0 import statistics_pb2
from tfx.components.statistics_gen import executor as statistics_gen
from tfx.types import standard_artifacts

from components import child_process
from components.examples.reading import read_class_names
from components.tfds_example_gen.splits import Piece, Shard
from components.tfds_example_gen.workers import write_all
from tests.processes import forking, start

IN_ORDER = tfds.ReadConfig(interleave_cycle_length=1)
UNDECODED = {"image": tfds.decode.SkipDecoding()}


def images(records: list[bytes]) -> list[bytes]:
    examples = map(tf.train.Example.FromString, records)
    return [example.features.feature["image"].bytes_list.value[0] for example in examples]


def in_one_form(records: list[bytes]) -> list[bytes]:
    """Another process, as that which prepared a shared dataset, may write features in another
    order: https://protobuf.dev/programming-guides/serialization-not-canonical."""
    examples = map(tf.train.Example.FromString, records)
    return [example.SerializeToString(deterministic=True) for example in examples]


def images_by_tfds(builder: tfds.core.DatasetBuilder, split: str) -> list[bytes]:
    dataset = builder.as_dataset(split=split, read_config=IN_ORDER, decoders=UNDECODED)
    return [example["image"] for example in dataset.as_numpy_iterator()]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("split", "test"),
    [
        ("train", "test"),
        ("train[:90%]", "train[90%:]"),
        ("train[10:20]", "test"),
        ("train[-7:]", "test"),
        ("train+test[:12]", "test[12:]"),
        ("test[:3]+train[30:61]", "test[3:]"),
        ("train[1shard]", "test"),
        ("train[2shard:4shard]", "train[0shard]"),
        ("train[:33%]+train[:1]", "test"),
    ],
)
def test_a_split_holds_what_tfds_reads_byte_for_byte(split, test, ingest, data_dir, read):
    examples = ingest("scenery_photos/small", data_dir, train=split, test=test)
    builder = tfds.builder("scenery_photos/small", data_dir=data_dir)
    counts = json.loads(examples.get_string_custom_property("counts"))

    for role, expression in {"train": split, "test": test}.items():
        assert images(read(examples, role)) == images_by_tfds(builder, expression)
        assert counts[role] == builder.info.splits[expression].num_examples


def test_records_are_the_very_ones_in_the_files_of_tfds(ingest, digits_dir, read):
    examples = ingest("digits", digits_dir, train="train", test="test")
    stored = pathlib.Path(digits_dir, "digits/1.0.0/digits-train.tfrecord-00000-of-00001")

    split = pathlib.Path(examples.uri, "Split-train")
    written = b"".join(file.read_bytes() for file in sorted(split.iterdir()))
    assert written == stored.read_bytes()


def test_a_split_has_several_shards_named_as_tfx_names_them(ingest, digits_dir):
    examples = ingest("digits", digits_dir, train="train[:10%]", test="test[:3]")

    def names(role: str) -> list[str]:
        return sorted(file.name for file in pathlib.Path(examples.uri, f"Split-{role}").iterdir())

    assert names("train") == [f"data_tfrecord-0000{index}-of-00004" for index in range(4)]
    assert names("test") == [f"data_tfrecord-0000{index}-of-00003" for index in range(3)]


def test_a_dataset_in_many_files_keeps_its_files_as_shards(ingest, data_dir):
    examples = ingest("scenery_photos/small", data_dir, train="train")

    assert len(list(pathlib.Path(examples.uri, "Split-train").iterdir())) == 6


@pytest.mark.slow
def test_nested_and_ragged_features_come_back_as_tfds_gives_them(ingest, data_dir, read):
    builder = tfds.builder("scenery_photos/small", data_dir=data_dir)
    records = read(ingest("scenery_photos/small", data_dir, train="train"), "train")

    names = set(tf.train.Example.FromString(records[0]).features.feature)
    assert {"image", "kind", "count", "objects/box"} <= names
    parse = builder.info.features.deserialize_example
    ours = tf.data.Dataset.from_tensor_slices(records).map(parse)
    theirs = builder.as_dataset(split="train", read_config=IN_ORDER)
    for example, expected in zip(ours, theirs, strict=True):
        tf.nest.assert_same_structure(example, expected, expand_composites=True)
        for value, wanted in zip(leaves(example), leaves(expected), strict=True):
            np.testing.assert_array_equal(value, wanted)


def leaves(example: dict) -> list[tf.Tensor]:
    return tf.nest.flatten(example, expand_composites=True)


@pytest.mark.slow
def test_array_record_files_give_the_same_records(ingest, digits_dir, tmp_path, read):
    builder = tfds.builder("digits", data_dir=tmp_path / "tfds")
    builder.download_and_prepare(
        file_format="array_record",
        download_config=tfds.download.DownloadConfig(try_download_gcs=False),
    )
    splits = {"train": "train[7:90%]", "test": "test[:5]+train[90%:]"}

    other = ingest("digits", str(tmp_path / "tfds"), **splits)
    stored_otherwise = {role: in_one_form(read(other, role)) for role in splits}
    usual = ingest("digits", digits_dir, **splits)
    for role, records in stored_otherwise.items():
        found = zip(records, in_one_form(read(usual, role)), strict=True)
        assert [number for number, (one, as_usual) in enumerate(found) if one != as_usual] == []


@pytest.mark.slow
def test_parquet_files_are_read_through_tfds(ingest, tmp_path, read):
    few = tfds.builder("scenery_photos/large", data_dir=tmp_path)
    few.download_and_prepare(
        file_format="parquet",
        download_config=tfds.download.DownloadConfig(try_download_gcs=False),
    )
    examples = ingest("scenery_photos/large", str(tmp_path), test="test[3:]", train="train")

    assert images(read(examples, "test")) == images_by_tfds(few, "test[3:]")
    assert images(read(examples, "train")) == images_by_tfds(few, "train")


def test_the_artifact_says_what_is_in_it(ingest, data_dir):
    examples = ingest("scenery_photos/small:2.*.*", data_dir, train="train", test="test")

    text = examples.get_string_custom_property
    assert text("summary") == "90 examples in 2 splits"
    assert text("dataset") == "scenery_photos/small/2.0.0"
    assert read_class_names(examples.uri) == {"kind": ["cat", "dog"]}
    assert json.loads(text("counts")) == {"train": 70, "test": 20}
    assert text("payload_format") == "FORMAT_TF_EXAMPLE"
    assert len(text("fingerprint")) == 64
    assert json.loads(examples.split_names) == ["train", "test"]
    assert examples.get_int_custom_property("span") == 3


def test_splits_may_lie_side_by_side(ingest, data_dir):
    splits = {"train": "train[:65]", "validation": "train[65:]", "test": "test"}
    examples = ingest("scenery_photos/small", data_dir, **splits)
    assert examples.get_string_custom_property("summary") == "90 examples in 3 splits"


def test_an_empty_folder_of_a_newer_version_does_not_hide_the_whole_one(ingest, data_dir, tmp_path):
    copied = shutil.copytree(data_dir, tmp_path / "data")
    (copied / "scenery_photos" / "small" / "9.0.0").mkdir()

    examples = ingest("scenery_photos/small", str(copied))
    assert examples.get_string_custom_property("dataset") == "scenery_photos/small/2.0.0"


def test_a_data_dir_may_be_a_file_address(ingest, data_dir):
    examples = ingest("scenery_photos/small", f"file://{data_dir}")
    assert examples.get_string_custom_property("dataset") == "scenery_photos/small/2.0.0"


def test_what_a_killed_attempt_left_in_the_artifact_is_gone_afterwards(ingest, digits_dir, read):
    before = ingest("digits", digits_dir, test="test")
    leftover = pathlib.Path(before.uri, "Split-test", "data_tfrecord-00000-of-00009.unfinished")
    leftover.write_bytes(b"half a record")

    after = ingest("digits", digits_dir, test="test")

    assert len(read(after, "test")) == 359
    assert not leftover.exists()


@pytest.mark.slow
def test_stock_statistics_gen_reads_the_shards(ingest, digits_dir, tmp_path):
    examples = ingest("digits", digits_dir, train="train", test="test")
    statistics = standard_artifacts.ExampleStatistics()
    statistics.uri = str(tmp_path / "statistics")

    statistics_gen.Executor().Do(
        {"examples": [examples]}, {"statistics": [statistics]}, {"exclude_splits": "[]"}
    )

    written = pathlib.Path(statistics.uri, "Split-train", "FeatureStats.pb").read_bytes()
    parsed = statistics_pb2.DatasetFeatureStatisticsList.FromString(written)
    assert parsed.datasets[0].num_examples == 1438


@pytest.mark.slow
def test_another_beam_runner_writes_the_same_shards(ingest, digits_dir, read, monkeypatch):
    processes = forking(anew=lambda number: number == 0)
    monkeypatch.setattr(child_process, "subprocess", processes)
    splits = {"train": "train[5:]", "test": "test"}
    here = ingest("digits", digits_dir, **splits)
    expected = {role: read(here, role) for role in splits}
    elsewhere = (
        "--runner=DirectRunner",
        "--direct_running_mode=multi_processing",
        "--direct_num_workers=2",
    )

    by_beam = ingest("digits", digits_dir, beam_pipeline_args=elsewhere, **splits)

    assert {role: read(by_beam, role) for role in splits} == expected
    assert len(processes.started) == 2


def print_peak_memory(source: str, folder: str, times: int) -> None:
    """Writes a source several times; prints the most MiB that this process ever held."""
    piece = Piece(source, 0, 60, True)
    shards = [Shard(f"{folder}/{n}", piece, "tfrecord") for n in range(times)]
    write_all(shards, folder)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)


@pytest.mark.slow
def test_memory_is_the_same_for_twenty_times_the_data(tmp_path):
    source = str(tmp_path / "source")
    with tf.io.TFRecordWriter(source) as writer:
        for _ in range(60):
            writer.write(bytes(256 << 10))  # 15 MiB in all

    def peak_mib(times: int) -> int:
        log = tmp_path / "log"
        process = start(print_peak_memory, source, str(tmp_path / "out"), times, log=log)
        assert process.wait() == 0, log.read_text()
        return int(log.read_text().splitlines()[-1])

    assert peak_mib(20) - peak_mib(1) < 40
