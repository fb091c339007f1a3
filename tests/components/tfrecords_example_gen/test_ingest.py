"""What TfrecordsExampleGen makes of TFRecord files."""

import json
import random
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.examples.draws import BY_DEFAULT, drawn
from components.examples.reading import read_class_names
from components.tfrecords_example_gen import contents
from failures import Failure
from files import tfrecords
from settings.data import Features
from settings.tfrecords_source import TfrecordsSource
from tests.components.source_images import NUMBER, pairs_of, said
from tests.components.tfrecords_example_gen.conftest import write

BY_FILES = {"train": "train*", "validation": "val*", "test": "test*"}


def records_of(examples) -> dict[str, list[bytes]]:
    """{split: [record]}, in the order of the shards."""
    found = {}
    for path in sorted(Path(examples.uri).rglob("data_tfrecord-*")):
        role = path.parent.name.removeprefix("Split-")
        found.setdefault(role, []).extend(tfrecords.records(path))
    return found


def counts(examples) -> dict[str, int]:
    return json.loads(said(examples, "counts"))


def test_the_files_of_each_split_go_through_record_by_record(folder, ingest, many_records):
    examples = ingest(folder, splits=BY_FILES)

    assert records_of(examples) == {
        "train": many_records[:80],
        "validation": many_records[80:100],
        "test": many_records[100:],
    }
    assert counts(examples) == {"train": 80, "validation": 20, "test": 20}
    assert said(examples) == f"{NUMBER} examples in 3 splits"
    assert said(examples, "dataset") == str(folder)


def test_without_splits_a_hash_of_the_image_decides_as_in_a_folder(
    folder, ingest, many_images, many_records
):
    import hashlib

    found = records_of(ingest(folder))
    expected = {}
    for content, record in zip(many_images, many_records, strict=True):
        role = drawn(hashlib.sha256(content).digest(), BY_DEFAULT)
        expected.setdefault(role, []).append(record)
    # Files are read in the order of their names: test before train.
    assert {role: Counter(records) for role, records in found.items()} == {
        role: Counter(records) for role, records in expected.items()
    }


def test_only_the_files_that_are_asked_for_are_read(folder, ingest):
    assert sum(counts(ingest(folder, files="t*.tfrecord")).values()) == 100


def test_files_may_lie_in_folders(folder, ingest, many_records):
    (folder / "2026" / "11").mkdir(parents=True)
    (folder / "train.tfrecord").rename(folder / "2026" / "11" / "train.tfrecord")
    assert sum(counts(ingest(folder)).values()) == NUMBER


def test_a_file_that_links_lead_to_as_well_counts_once(folder, ingest, tmp_path):
    (folder / "2026-11-26").mkdir()
    (folder / "train.tfrecord").rename(folder / "2026-11-26" / "train.tfrecord")
    (folder / "2026-11-25").symlink_to("2026-11-26")
    (folder / "again").symlink_to(".")
    (folder / "test.tfrecord").rename(tmp_path / "outside")
    (folder / "test.tfrecord").symlink_to(tmp_path / "outside")
    examples = ingest(folder)
    assert sum(counts(examples).values()) == NUMBER
    assert "1 link to a file that is read left out (2026-11-25/train.tfrecord)" in said(examples)


def test_links_to_folders_above_come_to_an_end(folder, ingest):
    (folder / "latest").symlink_to(".")
    (folder / "up").symlink_to(folder)
    (folder / "2026").mkdir()
    (folder / "2026" / "all").symlink_to("..")
    assert sum(counts(ingest(folder)).values()) == NUMBER
    splits = {"train": "2026/**/train*", "test": "latest/**/test*"}
    assert counts(ingest(folder, splits=splits)) == {"train": 80, "test": 20}


def test_a_file_of_two_names_counts_once_and_is_in_one_split_alone(folder, ingest):
    (folder / "train-again.tfrecord").hardlink_to(folder / "train.tfrecord")
    examples = ingest(folder)
    assert sum(counts(examples).values()) == NUMBER
    assert "1 link to a file that is read left out (train.tfrecord)" in said(examples)

    (folder / "test-too.tfrecord").hardlink_to(folder / "train.tfrecord")
    with pytest.raises(Failure, match=r"test-too\.tfrecord is a file of the splits train and test"):
        ingest(folder, splits={"train": "train*", "test": "test*"})


@pytest.mark.parametrize(("name", "labels"), [("label", {"cat", "dog"}), ("number", {0, 1})])
def test_labels_may_be_texts_or_whole_numbers(name, labels, folder, ingest):
    examples = ingest(folder, features={"label_feature": name})
    found = {label for pairs in pairs_of(examples, name).values() for _, label in pairs}
    assert {one.decode() if isinstance(one, bytes) else one for one in found} == labels


def test_the_names_of_whole_numbers_go_along(folder, ingest):
    examples = ingest(folder, features={"label_feature": "number"}, class_names=["cat", "dog"])
    assert read_class_names(examples.uri) == {"number": ["cat", "dog"]}


def test_masks_are_read_where_the_configuration_says_so(folder, ingest):
    features = {"mask_feature": "mask", "mask_classes": {"ground": 0, "tree": 1}}
    assert sum(counts(ingest(folder, features=features)).values()) == NUMBER


def content(examples) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in Path(examples.uri).rglob("data_*")}


@pytest.mark.slow
def test_a_beam_runner_writes_the_same_shards(folder, ingest):
    here = content(ingest(folder))
    assert here
    assert content(ingest(folder, ["--direct_running_mode=multi_threading"])) == here


@pytest.mark.slow
def test_much_is_read_in_several_processes_that_write_the_same_shards(
    folder, ingest, cores, started_works, monkeypatch
):
    here = content(ingest(folder))
    cores(2)
    monkeypatch.setattr(contents, "_MUCH", 1)
    assert content(ingest(folder)) == here
    assert len(started_works) == 4  # two that read, two that write


def test_no_shard_is_empty_and_there_are_some_to_interleave(folder, ingest):
    examples = ingest(folder, splits=BY_FILES)
    files = sorted(Path(examples.uri, "Split-train").iterdir())
    assert [file.name for file in files] == [
        "data_tfrecord-00000-of-00002",
        "data_tfrecord-00001-of-00002",
    ]
    assert all(file.stat().st_size for file in Path(examples.uri).rglob("data_*"))


def test_records_whose_image_is_in_two_splits_are_named(folder, ingest, many_records):
    write(folder / "test.tfrecord", [*many_records[100:], many_records[7]])
    examples = ingest(folder, splits=BY_FILES)
    assert json.loads(said(examples, "shared")) == [["train", "test", ["test.tfrecord record 20"]]]


@pytest.mark.slow
@settings(
    deadline=None,
    max_examples=20,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(cut=st.integers(0, NUMBER), seed=st.integers(0, 99), packed=st.booleans())
def test_neither_the_order_of_records_nor_their_files_change_the_fingerprint_or_a_split(
    cut, seed, packed, folder, tmp_path_factory, many_records
):
    def read(place):
        return contents.read(TfrecordsSource(path=str(place)), Features())

    def splits_of(found):
        pairs = zip(found.scans, found.role_of, strict=True)
        return {d: r for one, mine in pairs for d, r in zip(one.images, mine, strict=True)}

    order = list(many_records)
    random.Random(seed).shuffle(order)
    other = tmp_path_factory.mktemp("other")
    suffix = ".gz" if packed else ""
    write(other / f"b.tfrecord{suffix}", order[:cut])
    write(other / "a.tfrecord", order[cut:])
    assert read(other).fingerprint == read(folder).fingerprint
    assert splits_of(read(other)) == splits_of(read(folder))


@pytest.mark.parametrize("change", ["another record", "other splits", "one record less"])
def test_whatever_changes_the_examples_changes_the_fingerprint(change, folder, many_records):
    def read(**keys):
        return contents.read(TfrecordsSource.of(path=str(folder), **keys), Features()).fingerprint

    before, keys = read(splits=BY_FILES), {"splits": BY_FILES}
    if change == "another record":
        write(folder / "test.tfrecord", [*many_records[100:119], many_records[118]])
    elif change == "one record less":
        write(folder / "test.tfrecord", many_records[100:119])
    else:
        keys = {"splits": BY_FILES | {"test": "val*", "validation": "test*"}}
    assert read(**keys) != before


def test_the_executor_finds_the_fingerprint_that_the_driver_finds(folder, ingest):
    properties = {
        "source": TfrecordsSource(path=str(folder)).model_dump_json(),
        "features": Features().model_dump_json(),
    }
    by_driver = contents.Driver(None).value({}, properties)
    assert said(ingest(folder, fingerprint=by_driver), "fingerprint") == by_driver
