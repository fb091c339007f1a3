"""What StatisticsGen says of examples that it cannot use."""

import pathlib
import shutil

import pytest

from components.statistics_gen import statistics_files
from failures import Failure


@pytest.fixture
def records(pngs, make_record):
    return [make_record(image=png, label=label) for label, png in enumerate(pngs)]


@pytest.mark.parametrize("damage", ["flipped", "truncated"])
def test_a_damaged_record_is_named_by_file_and_offset(damage, records, make_examples, compute):
    examples = make_examples(train=[records, records])
    path = pathlib.Path(examples.uri, "Split-train", "data_tfrecord-00001-of-00002")
    content = bytearray(path.read_bytes())
    offset = sum(len(record) + 16 for record in records[:3])
    content[offset + 40] ^= 1
    path.write_bytes(content if damage == "flipped" else content[: offset + 40])

    with pytest.raises(Failure) as failure:
        compute(examples)
    assert str(path) in str(failure.value)
    assert f"record 3 (byte {offset:,}): " in str(failure.value)
    assert "\n" not in str(failure.value)


def test_a_missing_split_is_named(records, make_examples, compute):
    examples = make_examples(train=[records], test=[records])
    shutil.rmtree(pathlib.Path(examples.uri, "Split-test"))

    with pytest.raises(Failure, match="Split-test holds no examples"):
        compute(examples)


def test_records_that_are_no_examples_are_refused(make_examples, compute):
    with pytest.raises(Failure, match="data_tfrecord-00000-of-00001"):
        compute(make_examples(train=[[b"\xff\xff\xff not an example"]]))


@pytest.mark.parametrize("shards", [1, 2])
def test_a_feature_that_changes_its_type_is_refused(
    shards, pngs, make_record, make_examples, compute
):
    first = make_record(image=pngs[0], label=1)
    second = make_record(image=pngs[0], label=b"one")
    parts = [[first, second]] if shards == 1 else [[first], [second]]

    with pytest.raises(Failure, match=r"label.*one type"):
        compute(make_examples(train=parts))


def test_damaged_statistics_are_refused(records, make_examples, compute):
    statistics = compute(make_examples(train=[records]))
    path = pathlib.Path(statistics.uri, "Split-train", "FeatureStats.pb")
    path.write_bytes(path.read_bytes()[:-5])

    with pytest.raises(Failure, match=r"FeatureStats\.pb cannot be read as Dataset"):
        statistics_files.read(statistics)
    path.unlink()
    with pytest.raises(Failure, match=r"FeatureStats\.pb cannot be read: No such file"):
        statistics_files.read(statistics)
