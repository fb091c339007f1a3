"""Shards hold the records of their slice, whole and in order; damage never gets there."""

import pathlib
from unittest import mock

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from components.tfds_example_gen import shards, splits, workers
from failures import Failure
from files import tfrecords

payloads = st.lists(st.binary(max_size=300), min_size=1, max_size=40)
# Small enough that records lie across what is read at once.
small_reads = mock.patch.multiple(tfrecords, _READ_BYTES=100, _SKIP_BYTES=64)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> pathlib.Path:
    return tmp_path_factory.mktemp("records")


def write(folder: pathlib.Path, data: list[bytes]) -> pathlib.Path:
    source = folder / "source"
    with tf.io.TFRecordWriter(str(source)) as writer:
        for record in data:
            writer.write(record)
    return source


@pytest.mark.slow
@settings(deadline=None, max_examples=50)
@given(data=payloads, cut=st.tuples(st.integers(0, 40), st.integers(1, 40)))
def test_the_shards_of_a_slice_are_its_records_in_order(data, cut, folder):
    source = write(folder, data)
    skip = min(cut[0], len(data) - 1)
    take = min(cut[1], len(data) - skip)
    piece = splits.Piece(str(source), skip, take, skip + take == len(data))

    plan = splits.plan([piece], str(folder / "out"), splits.TFRECORD)
    with small_reads:
        workers.write_all(plan, str(folder))

    written = tf.data.TFRecordDataset([shard.path for shard in plan])
    assert list(written.as_numpy_iterator()) == data[skip : skip + take]
    assert all(shard.piece.take for shard in plan)


def test_a_file_that_goes_on_is_not_taken_for_whole(folder):
    source = write(folder, [b"one", b"two", b"three"])

    with pytest.raises(Failure, match="goes on after byte 38"):
        shards.write(shard_of(source, take=2, to_end=True), 0)
    assert shards.write(shard_of(source, take=2, to_end=False), 0) == {None: 2}
    (folder / "shard").unlink()


def test_a_shard_that_fails_leaves_nothing(folder):
    source = write(folder, [b"one", b"two"])

    with pytest.raises(
        Failure, match=r"record 2 .* 1 more were expected\. Copy the file again, or"
    ):
        shards.write(shard_of(source, take=3, to_end=True), 0)

    assert not list(folder.glob("shard*"))


def shard_of(source, take, to_end):
    piece = splits.Piece(str(source), 0, take, to_end)
    return splits.Shard(str(source.parent / "shard"), piece, splits.TFRECORD)
