"""A copy of a bucket's folder is whole, checked, within its limit, and made once."""

import contextlib
import os
import random
import shutil
import threading
import time
from pathlib import Path

import pytest

from failures import Failure
from files import locks
from files.buckets import mirror, objects
from files.buckets.mirror import Cache
from tests.bucket_servers import cutting_proxy
from tests.full_disk import full_disk


@contextlib.contextmanager
def mirrored(address, cache):
    with contextlib.closing(mirror.mirror(address, cache)) as copy:
        yield copy.path


@pytest.fixture
def cache(tmp_path) -> Cache:
    return Cache(str(tmp_path / "cache"))


@pytest.fixture
def copied(monkeypatch):
    """The keys that were copied, in any order; to be cleared between runs."""
    keys = []
    download = objects.download
    monkeypatch.setattr(
        objects, "download", lambda one, *rest: (keys.append(one.key), download(one, *rest))[1]
    )
    return keys


def content_of(folder: str) -> dict[str, bytes]:
    files = (path for path in Path(folder).rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_a_second_run_copies_what_is_new_alone(bucket, cache, copied):
    for number in range(5):
        bucket.put(f"photos/cat/{number}.jpg", b"cat %d" % number)
    bucket.put("photos/dog/1", b"")
    bucket.put("photos/dog/", b"")  # as some browsers mark a folder
    bucket.put("photos of others/1", b"other")
    with mirrored(f"{bucket.address}/photos/", cache) as folder:
        expected = {f"cat/{number}.jpg": b"cat %d" % number for number in range(5)}
        assert content_of(folder) == expected | {"dog/1": b""}
    assert len(copied) == 6

    copied.clear()
    bucket.put("photos/cat/1.jpg", b"CAT 1")  # the same size
    bucket.put("photos/bird/1", b"bird")
    objects.remove(f"{bucket.address}/photos/dog/1")
    with mirrored(f"{bucket.address}/photos", cache) as again:
        assert again == folder
        changed = {"cat/1.jpg": b"CAT 1", "bird/1": b"bird"}
        assert content_of(folder) == expected | changed
        assert not (Path(folder) / "dog").exists()
    assert sorted(copied) == ["photos/bird/1", "photos/cat/1.jpg"]


def test_checksums_are_known_of_what_the_store_has_alone(bucket, cache):
    bucket.put("photos/one", b"1")
    with contextlib.closing(mirror.mirror(f"{bucket.address}/photos", cache)) as copy:
        places = [Path(copy.path, name) for name in ("one", "made beside it")]
        places[1].write_bytes(b"2")
        known, unknown = copy.tags([str(place) for place in places])
    assert known
    assert unknown is None


def test_a_single_object_is_a_file_of_its_name(bucket, cache):
    bucket.put("photos/labels.csv", b"path,label")
    bucket.put("photos/labels.csv.old", b"")
    with mirrored(f"{bucket.address}/photos/labels.csv", cache) as path:
        assert Path(path).name == "labels.csv"
        assert Path(path).read_bytes() == b"path,label"
        assert list(Path(path).parent.iterdir()) == [Path(path)]


def test_a_file_that_somebody_removed_or_cut_off_is_copied_again(bucket, cache, copied):
    bucket.put("a", b"first")
    bucket.put("b", b"second")
    with mirrored(bucket.address, cache) as folder:
        pass
    copied.clear()
    (Path(folder) / "a").unlink()
    (Path(folder) / "b").write_bytes(b"sec")
    with mirrored(bucket.address, cache):
        assert content_of(folder) == {"a": b"first", "b": b"second"}
    assert sorted(copied) == ["a", "b"]


def test_a_damaged_index_is_begun_anew_and_copies_nothing_twice(bucket, cache, copied):
    bucket.put("a", b"first")
    with mirrored(bucket.address, cache) as folder:
        pass
    (Path(folder).parent / "index.sqlite").write_bytes(b"no table" * 1000)
    copied.clear()
    with mirrored(bucket.address, cache):
        assert content_of(folder) == {"a": b"first"}
    assert copied == []


def test_the_oldest_copies_make_room_and_those_in_use_stay(bucket, cache, monkeypatch):
    for name in "abc":
        bucket.put(f"{name}/1", b"x" * 400)
    limited = Cache(cache.folder, most_bytes=1000)
    with mirrored(f"{bucket.address}/a", limited) as a:
        time.sleep(0.02)
        with mirrored(f"{bucket.address}/b", limited) as b:
            pass
        with mirrored(f"{bucket.address}/c", limited):
            assert content_of(a) == {"1": b"x" * 400}
            assert not Path(b).exists()
            monkeypatch.setattr(mirror, "_open", {})  # as in another process
            with pytest.raises(Failure, match=r"other runs read copies of 8e-07 GB; .* have ended"):
                mirror.mirror(f"{bucket.address}/b", limited)


def test_a_run_that_reads_too_much_at_once_is_told_so(bucket, cache, monkeypatch):
    for name in "abc":
        bucket.put(f"{name}/1", b"x" * 400)
    limited = Cache(cache.folder, most_bytes=1000)
    with mirrored(f"{bucket.address}/a", limited):
        monkeypatch.setattr(mirror, "_open", {})  # as in another process
        with mirrored(f"{bucket.address}/b", limited):
            with pytest.raises(Failure, match="this run's other copies have 4e-07 GB and other"):
                mirror.mirror(f"{bucket.address}/c", limited)
            more = Cache(cache.folder, most_bytes=700)
            with pytest.raises(Failure, match=r"Raise it, or .* a shorter data\.window\."):
                mirror.mirror(f"{bucket.address}/c", more)


@pytest.mark.parametrize("folder", ["~/cache", "cache"])
def test_the_folder_of_copies_may_be_below_home_or_the_working_folder(
    bucket, tmp_path, monkeypatch, folder
):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    bucket.put("a", b"x" * 600)
    for _ in range(2):  # The copy of the first time is not one beside that of the second.
        with mirrored(bucket.address, Cache(folder, most_bytes=1000)) as copy:
            assert Path(copy).is_relative_to(tmp_path / "cache")


def test_a_copy_that_is_wanted_while_it_makes_room_is_copied_again(bucket, cache, monkeypatch):
    for key in ("a/1", "a/2", "b/1"):
        bucket.put(key, b"x" * 400)
    limited = Cache(cache.folder, most_bytes=1000)
    with mirrored(f"{bucket.address}/a", limited):
        pass
    rmtree, wanted = shutil.rmtree, []

    def slowly(folder, **options):
        lock, files = Path(folder) / "lock", list((Path(folder) / "files").glob("*"))
        if lock.exists():
            lock.unlink()
            monkeypatch.setattr(mirror, "_making", threading.Lock())  # as in another process
            wanted.append(mirror.mirror(f"{bucket.address}/a", cache))
            for file in files:
                file.unlink()
        rmtree(folder, **options)

    monkeypatch.setattr(shutil, "rmtree", slowly)
    with mirrored(f"{bucket.address}/b", limited):
        pass
    assert content_of(wanted[0].path) == {"1": b"x" * 400, "2": b"x" * 400}
    assert len(list(Path(cache.folder).iterdir())) == 2


def test_what_a_killed_removal_has_left_goes_with_the_next_one(bucket, cache):
    bucket.put("a", b"first")
    left = Path(cache.folder) / "bucket-0123456789abcdef.unfinished"
    others = [Path(cache.folder) / name for name in ("span-8.unfinished", "bucket-1.unfinished")]
    for folder in (left, *others):
        (folder / "files").mkdir(parents=True)
    limited = Cache(cache.folder, most_bytes=1000)
    with locks.hold(left / "lock"), mirrored(bucket.address, limited):
        assert (left / "files").exists()
    with mirrored(bucket.address, limited):
        assert not left.exists()
    assert all((folder / "files").exists() for folder in others)


def test_an_index_that_cannot_be_opened_is_one_line(bucket, cache):
    bucket.put("a", b"first")
    with mirrored(bucket.address, cache) as folder:
        pass
    index = Path(folder).parent / "index.sqlite"
    index.unlink()
    index.mkdir()
    with pytest.raises(Failure, match=r"cannot be written: its index: unable to open .*\. Free"):
        mirror.mirror(bucket.address, cache)


def test_a_disk_that_fills_up_is_not_taken_for_a_bucket_that_cannot_be_read(bucket, cache):
    bucket.put("a", b"x" * 100_000)
    line = rf"{cache.folder}/.* cannot be written: File too large\. Free space there, or name "
    with full_disk(50_000), pytest.raises(Failure, match=line):  # The index takes less.
        mirror.mirror(bucket.address, cache)
    with mirrored(bucket.address, cache) as folder:
        assert content_of(folder) == {"a": b"x" * 100_000}


def test_what_is_larger_than_the_limit_is_one_line_and_nothing_is_copied(bucket, cache, copied):
    bucket.put("a", b"x" * 1001)
    with (
        pytest.raises(Failure, match=r"has 1e-06 GB, and data.cache_gb allows 1e-06. Raise it"),
        mirrored(bucket.address, Cache(cache.folder, most_bytes=1000)),
    ):
        pass
    assert copied == []


def test_a_copy_that_this_process_reads_is_what_it_gets_again(bucket, cache):
    bucket.put("a", b"first")
    first = mirror.mirror(bucket.address, cache)
    bucket.put("a", b"second")
    assert mirror.mirror(bucket.address, cache) is first
    assert content_of(first.path) == {"a": b"first"}
    del first
    assert content_of(mirror.mirror(bucket.address, cache).path) == {"a": b"second"}


def test_who_waits_for_a_copy_for_too_long_is_told_who_reads_it(bucket, cache, monkeypatch):
    bucket.put("a", b"first")
    monkeypatch.setattr(mirror, "_PATIENCE_SECONDS", 0.0)
    with mirrored(bucket.address, cache) as folder:
        monkeypatch.setattr(mirror, "_open", {})  # as in another process
        with pytest.raises(Failure, match=r"lock is held by .*Wait until it ends"):
            mirror.mirror(bucket.address, cache)
    assert Path(folder).exists()


def test_a_copy_that_is_read_is_not_changed_meanwhile(bucket, cache):
    bucket.put("a", b"first")
    with mirrored(bucket.address, cache) as folder:
        lock = Path(folder).parent / "lock"
        with pytest.raises(locks.InUse):
            locks.hold(lock, wait=False)
        locks.hold(lock, shared=True, wait=False).close()
    locks.hold(lock, wait=False).close()


@pytest.mark.slow
def test_twenty_cut_connections_lose_nothing(bucket, cache, monkeypatch):
    chance = random.Random(1)
    expected = {f"{number % 7}/{number}": chance.randbytes(60_000) for number in range(120)}
    for key, content in expected.items():
        bucket.put(key, content)
    with cutting_proxy(bucket.server, cuts=20) as proxy:
        for name, value in bucket.environment.items():
            monkeypatch.setenv(name, proxy.url if value == bucket.server else value)
        with mirrored(bucket.address, cache) as folder:
            assert content_of(folder) == expected
    assert proxy.cut == 20
    assert not (Path(folder).parent / "partial").exists()


def test_a_run_that_was_stopped_in_the_middle_is_gone_on_with(bucket, cache, copied, monkeypatch):
    expected = {str(number): os.urandom(1000) for number in range(40)}
    for key, content in expected.items():
        bucket.put(key, content)
    monkeypatch.setattr(mirror, "_BATCH", 10)
    have = mirror.Index.have

    def have_thirty(index, batch):
        if len(copied) >= 30:
            raise KeyboardInterrupt
        have(index, batch)

    monkeypatch.setattr(mirror.Index, "have", have_thirty)
    with pytest.raises(KeyboardInterrupt), mirrored(bucket.address, cache):
        pass
    monkeypatch.setattr(mirror.Index, "have", have)
    with mirrored(bucket.address, cache) as folder:
        assert content_of(folder) == expected
    assert len(copied) == 40
