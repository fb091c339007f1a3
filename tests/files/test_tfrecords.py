"""Records come whole and in order, whatever they are; damage is found, and its record named."""

import contextlib
import gzip
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from failures import Failure
from files import tfrecords
from tests import tensorflow_records

payloads = st.lists(st.binary(max_size=300), min_size=1, max_size=40)
place = st.floats(0, 1, exclude_max=True)  # in a file, as a share of its size
# Small enough that records lie across what is read at once.
small_reads = mock.patch.multiple(tfrecords, _READ_BYTES=100, _SKIP_BYTES=64)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return tmp_path_factory.mktemp("records") / "file"


def write(file, data, packed=False):
    content = b"".join(map(tfrecords.frame, data))
    file.write_bytes(gzip.compress(content) if packed else content)
    return content


@settings(deadline=None)
@given(data=payloads, packed=st.booleans(), most=st.integers(1, 9), most_bytes=st.integers(1, 900))
def test_all_records_are_read_plain_or_gzipped(data, packed, most, most_bytes, file):
    content = write(file, data, packed)
    with small_reads:
        assert list(tfrecords.records(file)) == data
        assert tfrecords.count(file) == len(data)
        assert b"".join(run.bytes for run in tfrecords.runs(file)) == content
        batches = list(tfrecords.batches(file, most, most_bytes))
    assert [record for _, batch in batches for record in batch] == data
    assert [data.index(batch[0], first) for first, batch in batches] == [f for f, _ in batches]
    assert all(
        len(batch) <= most and sum(map(len, batch[:-1])) < most_bytes for _, batch in batches
    )


@settings(deadline=None)
@given(pieces=st.lists(st.binary(max_size=300), max_size=6))
def test_a_record_in_pieces_is_the_whole_record(pieces):
    assert b"".join(tfrecords.framed(pieces)) == tfrecords.frame(b"".join(pieces))


@settings(deadline=None)
@given(data=payloads, cut=st.tuples(st.integers(0, 39), st.integers(1, 40)), packed=st.booleans())
def test_a_part_of_a_file_is_read(data, cut, packed, file):
    write(file, data, packed)
    first = min(cut[0], len(data) - 1)
    take = min(cut[1], len(data) - first)
    with small_reads:
        assert list(tfrecords.records(file, first)) == data[first:]
        assert list(tfrecords.records(file, first, take)) == data[first : first + take]


@settings(deadline=None)
@given(data=payloads, cut=st.tuples(st.integers(0, 39), st.integers(1, 40)))
def test_a_run_begins_and_ends_where_it_is_told_to(data, cut, file):
    write(file, data)
    first = min(cut[0], len(data) - 1)
    take = min(cut[1], len(data) - first)
    with small_reads:
        offset = tfrecords.offsets(file, [first])[first]
        runs = list(tfrecords.runs(file, offset, first, take))
    assert [record for run in runs for record in run.records] == data[first : first + take]
    end = offset + sum(len(run.bytes) for run in runs)
    assert (end == file.stat().st_size) == (first + take == len(data))


@settings(deadline=None)
@given(data=payloads, where=place, bit=st.integers(0, 7))
def test_a_flipped_bit_is_found_and_its_record_named(data, where, bit, file):
    content = bytearray(write(file, data))
    flipped = int(where * len(content))
    content[flipped] ^= 1 << bit
    file.write_bytes(content)

    whole = max(n for n, start in enumerate(starts(data)) if start <= flipped)
    with small_reads, pytest.raises(Failure) as failure:
        list(tfrecords.records(file, next_step="Delete it."))
    assert (
        f"{file} is damaged at record {whole:,} (byte {starts(data)[whole]:,}): the checksum"
        in (str(failure.value))
    )
    assert str(failure.value).endswith(" does not match. Delete it.")


@settings(deadline=None)
@given(data=payloads, where=place, packed=st.booleans())
def test_a_truncated_file_is_found_and_the_cut_record_named(data, where, packed, file):
    write(file, data, packed)
    content = file.read_bytes()
    size = int(where * len(content))
    file.write_bytes(content[:size])

    got = []
    # Of a cut between two records no reader can know.
    unseen = size == 0 or (not packed and size in starts(data))
    with small_reads, contextlib.nullcontext() if unseen else pytest.raises(Failure) as failure:
        got += tfrecords.records(file)
    assert got == data[: len(got)]
    if not unseen:
        assert f"{file} is damaged at record {len(got)} (byte " in str(failure.value)
        with small_reads, pytest.raises(Failure, match="is damaged at record "):
            tfrecords.count(file)


def test_a_gzipped_file_that_ends_early_gives_the_records_before(file):
    data = [bytes([n]) * 1000 for n in range(100)]
    write(file, data, packed=True)
    file.write_bytes(file.read_bytes()[:-30])
    got = []
    with pytest.raises(Failure, match=r"is damaged at record \d\d \(byte .* unpacked"):
        got += tfrecords.records(file)
    assert got == data[: len(got)]


def test_a_plain_record_whose_length_looks_like_gzip_is_read(file):
    data = [bytes(0x8B1F), b"next"]
    assert write(file, data)[:2] == b"\x1f\x8b"
    assert list(tfrecords.records(file)) == data
    assert tfrecords.count(file) == 2


def test_a_record_larger_than_what_is_read_at_once_is_read(file):
    data = [b"a", bytes(9 << 20), b"b"]
    write(file, data)
    assert list(tfrecords.records(file)) == data
    assert tfrecords.offsets(file, [0, 2]) == {0: 0, 2: 17 + (9 << 20) + 16}


def test_a_file_with_fewer_records_than_expected_is_reported(file):
    write(file, [b"one", b"two"])
    with pytest.raises(Failure, match=r"at record 2 \(byte 38\): the file ends, and 1 more"):
        list(tfrecords.runs(file, take=3))
    with pytest.raises(Failure, match=r"record 7 was expected\. Copy or write"):
        tfrecords.offsets(file, [0, 7])


def test_damage_before_a_run_is_found_while_looking_for_it(file):
    content = bytearray(write(file, [b"one", b"two", b"three"]))
    content[19] ^= 1  # the length of the second record
    file.write_bytes(content)
    with pytest.raises(Failure, match=r"record 1 \(byte 19\): the checksum of its length"):
        tfrecords.offsets(file, [2])


@pytest.mark.parametrize("read", [lambda path: list(tfrecords.records(path)), tfrecords.count])
def test_a_missing_file_is_reported_with_the_next_step(read, tmp_path):
    with pytest.raises(Failure, match=r"gone cannot be read: No such file or directory\. Copy"):
        read(tmp_path / "gone")


def test_tensorflow_reads_and_writes_the_same_files_in_a_bucket_too(tmp_path):
    import tensorflow as tf

    data = [b"", b"one", bytes(100_000)]
    for folder in (str(tmp_path), "ram://records"):
        for packed in ("", "GZIP"):
            path = f"{folder}/records{packed}"
            with tf.io.TFRecordWriter(path, packed) as writer:
                for record in data:
                    writer.write(record)
            assert list(tfrecords.records(path)) == data
            assert tfrecords.count(path) == len(data)
        path = f"{folder}/framed"
        with tf.io.gfile.GFile(path, "wb") as written:
            written.write(b"".join(map(tfrecords.frame, data)))
        assert tensorflow_records.records(path) == data
    with pytest.raises(Failure, match="ram://gone cannot be read: "):
        list(tfrecords.records("ram://gone"))


def starts(data):
    """Byte offsets at which the records begin, and the end of the file."""
    found = [0]
    for record in data:
        found.append(found[-1] + len(record) + 16)
    return found
