"""What is written to a bucket is read from it again, and a cut connection loses nothing."""

import os

import fsspec
import pytest

from files import places, writing
from files.buckets import objects


def test_what_is_written_is_read_listed_and_removed(bucket, tmp_path):
    place = f"{bucket.address}/some folder"
    writing.write(f"{place}/über #1?%41.txt", "größer")
    writing.write(f"{place}/below/b", b"\0" * 10)
    writing.write(f"{place}/empty", b"")

    assert places.exists(place)
    assert places.is_folder(place)
    assert not places.exists(f"{place}/missing")
    assert not places.is_folder(f"{place}/empty")
    assert places.files_in(place) == [
        f"{place}/below", f"{place}/empty", f"{place}/über #1?%41.txt",
    ]  # fmt: skip
    assert places.files_below(place) == ["below/b", "empty", "über #1?%41.txt"]
    assert places.read(f"{place}/über #1?%41.txt", "").decode() == "größer"
    assert places.size(f"{place}/below/b") == 10
    assert places.read(f"{place}/empty", "") == b""

    writing.copy_files(place, tmp_path / "copy", places.files_below(place))
    assert (tmp_path / "copy" / "below" / "b").read_bytes() == b"\0" * 10
    writing.copy_files(place, f"{bucket.address}/other", ["empty", "below/b"])
    assert places.files_below(f"{bucket.address}/other") == ["below/b", "empty"]

    writing.remove(f"{place}/empty")
    writing.remove(f"{place}/empty")
    assert places.files_below(place) == ["below/b", "über #1?%41.txt"]
    writing.remove(place)
    assert places.files_below(bucket.address) == ["other/below/b", "other/empty"]


def test_of_those_who_write_a_new_object_one_wins(bucket):
    place = f"{bucket.address}/claim"
    assert objects.write(place, b"first", only_new=True)
    assert not objects.write(place, b"second", only_new=True)
    assert objects.write(place, b"first", only_new=True)
    assert places.read(place, "") == b"first"


@pytest.mark.slow
def test_a_large_file_goes_up_in_parts_and_comes_back_checked(bucket, tmp_path):
    content = os.urandom(1 << 20) * 70  # above what S3 is sent in one piece
    (tmp_path / "large").write_bytes(content)
    objects.upload(str(tmp_path / "large"), f"{bucket.address}/large")
    stored = objects.head(f"{bucket.address}/large")
    assert stored.size == len(content)

    objects.fetch(f"{bucket.address}/large", str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == content


@pytest.mark.parametrize("bucket", ["s3"], indirect=True)
@pytest.mark.parametrize("sizes", [[5, 6, 5, 1], [7, 5, 6], [8]])
def test_an_object_of_unequal_parts_is_fetched(bucket, tmp_path, sizes):
    parts = [bytes([number]) * (size << 20) for number, size in enumerate(sizes)]
    # A part is what its buffer holds as soon as that is a block.
    client = fsspec.filesystem("s3", skip_instance_cache=True)
    with client.open(f"{bucket.name}/object", "wb", block_size=5 << 20) as file:
        for part in parts:
            file.write(part)
    objects.fetch(f"{bucket.address}/object", str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == b"".join(parts)


def test_a_file_that_is_here_in_part_is_gone_on_with(bucket, tmp_path, monkeypatch):
    content = os.urandom(100_000)
    bucket.put("object", content)
    stored = objects.head(f"{bucket.address}/object")
    (tmp_path / "partial").write_bytes(content[:60_000])
    asked = []
    chunk = objects._chunk
    monkeypatch.setattr(objects, "_chunk", lambda *span: asked.append(span[1:]) or chunk(*span))
    objects.download(stored, bucket.address, str(tmp_path / "partial"))
    assert (tmp_path / "partial").read_bytes() == content
    assert asked == [(60_000, 100_000)]


def test_what_arrives_with_another_checksum_is_not_kept(bucket, tmp_path):
    bucket.put("object", b"right")
    stored = objects.head(f"{bucket.address}/object")
    (tmp_path / "partial").write_bytes(b"wro")
    with pytest.raises(OSError, match="changed while it was copied, or arrived damaged"):
        objects.download(stored, bucket.address, str(tmp_path / "partial"))
    assert os.listdir(tmp_path) == []
