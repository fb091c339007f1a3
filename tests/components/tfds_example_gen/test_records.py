"""Records pass through whole and in order, whatever they are; damage never does."""

import pathlib
from unittest import mock

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from components.tfds_example_gen import records, shards, splits, workers
from failures import Failure

payloads = st.lists(st.binary(max_size=300), min_size=1, max_size=40)
# Small enough that records lie across what is read at once.
small_reads = mock.patch.multiple(records, _READ_BYTES=100, _SKIP_BYTES=64)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> pathlib.Path:
    return tmp_path_factory.mktemp("records")


def write(folder: pathlib.Path, data: list[bytes]) -> pathlib.Path:
    source = folder / "source"
    with tf.io.TFRecordWriter(str(source)) as writer:
        for record in data:
            writer.write(record)
    return source


def copy(source: pathlib.Path, data: list[bytes]) -> bytes:
    with small_reads:
        runs = list(records.verified_runs(str(source), 0, len(data), to_end=True))
    assert sum(count for _, count in runs) == len(data)
    return b"".join(run for run, _ in runs)


@settings(deadline=None)
@given(data=payloads)
def test_a_copy_is_the_file(data, folder):
    source = write(folder, data)

    assert copy(source, data) == source.read_bytes()
    assert b"".join(map(records.frame, data)) == source.read_bytes()


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


@settings(deadline=None)
@given(data=payloads, where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_is_found_and_its_record_named(data, where, bit, folder):
    source = write(folder, data)
    content = bytearray(source.read_bytes())
    flipped = int(where * len(content))
    content[flipped] ^= 1 << bit
    source.write_bytes(content)

    with pytest.raises(Failure) as failure:
        copy(source, data)

    begin = max(start for start in _starts(data) if start <= flipped)
    assert f"{source} is corrupt" in str(failure.value)
    assert f"byte {begin:,} " in str(failure.value)


@settings(deadline=None)
@given(data=payloads, where=st.floats(0, 1, exclude_max=True))
def test_a_truncated_file_is_found_and_the_place_named(data, where, folder):
    source = write(folder, data)
    size = int(where * source.stat().st_size)
    source.write_bytes(source.read_bytes()[:size])

    with pytest.raises(Failure) as failure:
        copy(source, data)

    begin = max(start for start in _starts(data) if start <= size)
    assert f"{source} is truncated" in str(failure.value)
    assert f"byte {begin:,}," in str(failure.value)


def test_a_file_that_goes_on_is_not_taken_for_whole(folder):
    source = write(folder, [b"one", b"two", b"three"])

    with pytest.raises(Failure, match="goes on after byte 38"):
        list(records.verified_runs(str(source), 0, 2, to_end=True))


def test_damage_before_a_slice_is_found_while_looking_for_it(folder):
    source = write(folder, [b"one", b"two", b"three"])
    content = bytearray(source.read_bytes())
    content[19] ^= 1  # the length of the second record
    source.write_bytes(content)

    with pytest.raises(Failure, match=r"checksum of the length .* byte 19 "):
        records.offsets(str(source), [2])


def test_a_shard_that_fails_leaves_nothing(folder):
    source = write(folder, [b"one", b"two"])
    target = folder / "shard"

    with pytest.raises(Failure, match="truncated"):
        shards.write(
            splits.Shard(str(target), splits.Piece(str(source), 0, 3, True), splits.TFRECORD), 0
        )

    assert not list(folder.glob("shard*"))


def _starts(data: list[bytes]) -> list[int]:
    """Byte offsets at which the records begin, and the end of the file."""
    starts = [0]
    for record in data:
        starts.append(starts[-1] + len(record) + 16)
    return starts
