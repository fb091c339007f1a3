"""What is written appears whole or not at all: kills, full disks and errors leave what was."""

import errno
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from failures import Failure
from files import places, writing
from tests.full_disk import full_disk

BEGIN = """
import sys, time
from files import places, writing
with writing.whole_file(sys.argv[1]) as unfinished:
    with open(unfinished, "w") as file:
        file.write("new, but not")
    print("begun", flush=True)
    time.sleep(60)
"""


def test_a_file_replaces_the_one_before_and_missing_folders_are_made(tmp_path):
    file = tmp_path / "new" / "folder" / "file"
    for content in ("first", "zweite Größe", b"\0third"):
        writing.write(file, content)
        assert file.read_bytes() == (content if isinstance(content, bytes) else content.encode())
    assert os.listdir(file.parent) == ["file"]


def test_a_file_is_on_disk_before_it_has_its_name_and_then_its_name_is(tmp_path, monkeypatch):
    done, replace = [], os.replace
    monkeypatch.setattr(
        os, "fsync", lambda descriptor: done.append(os.readlink(f"/proc/self/fd/{descriptor}"))
    )
    monkeypatch.setattr(os, "replace", lambda *names: done.append("named") or replace(*names))
    writing.write(tmp_path / "file", "content")
    assert done[0].startswith(f"{tmp_path}/file")
    assert done[1:] == ["named", str(tmp_path)]


def test_a_large_file_goes_to_the_disk_while_it_is_written(tmp_path, monkeypatch):
    synced = threading.Event()
    monkeypatch.setattr(os, "fsync", lambda _: synced.set())
    with writing.large_file(tmp_path / "file") as file:
        file.write(b"the first part, ")
        assert synced.wait(20)
        assert not (tmp_path / "file").exists()
        file.write(b"the rest")
    assert (tmp_path / "file").read_bytes() == b"the first part, the rest"
    assert os.listdir(tmp_path) == ["file"]


def test_what_the_disk_reports_while_a_large_file_is_written_is_raised(tmp_path, monkeypatch):
    reports = [OSError(errno.EIO, "Input/output error")]  # A system reports it once.
    synced = threading.Event()

    def fsync(_):
        synced.set()
        if reports:
            raise reports.pop()

    monkeypatch.setattr(os, "fsync", fsync)

    def write():
        with writing.large_file(tmp_path / "file") as file:
            file.write(b"something")
            assert synced.wait(20)

    with pytest.raises(OSError, match="Input/output error"):
        write()
    assert os.listdir(tmp_path) == []


def test_an_error_leaves_nothing_of_a_large_file(tmp_path):
    def write():
        with writing.large_file(tmp_path / "file") as file:
            file.write(b"something")
            raise ValueError("in the middle")

    with pytest.raises(ValueError, match="in the middle"):
        write()
    assert os.listdir(tmp_path) == []


def test_of_many_writers_at_once_each_is_whole(tmp_path):
    file = tmp_path / "file"
    texts = [str(number) * 200_000 for number in range(8)]
    writing.write(file, texts[0])
    with ThreadPoolExecutor(len(texts)) as pool:
        writers = [pool.submit(writing.write, file, text) for text in texts * 20]
        while not all(writer.done() for writer in writers):
            assert file.read_text() in texts
    for writer in writers:
        writer.result()
    assert os.listdir(tmp_path) == ["file"]


def test_a_kill_in_the_middle_leaves_the_old_content_and_the_next_write_cleans_up(tmp_path):
    file = tmp_path / "file"
    file.write_text("old")
    process = subprocess.Popen([sys.executable, "-c", BEGIN, file], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"begun\n"
    process.send_signal(signal.SIGKILL)
    process.wait()

    assert file.read_text() == "old"
    assert sorted(os.listdir(tmp_path)) == ["file", f"file{writing.UNFINISHED}"]

    writing.write(file, "new")
    assert file.read_text() == "new"
    assert os.listdir(tmp_path) == ["file"]


def test_a_full_disk_leaves_the_old_content_and_nothing_half(tmp_path):
    file = tmp_path / "file"
    writing.write(file, "old")
    with full_disk(1000), pytest.raises(Failure) as failure:
        writing.write(file, "x" * 5000, next_step="Free some space.")
    assert str(failure.value) == f"{file} cannot be written: File too large. Free some space."
    assert file.read_text() == "old"
    assert os.listdir(tmp_path) == ["file"]


def test_a_place_that_cannot_be_written_is_reported_in_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Failure, match=r"file/below cannot be written: .*\. Free some space"):
        writing.write(tmp_path / "file" / "below", "content")


def test_a_folder_appears_whole(tmp_path):
    folder = tmp_path / "folder"
    with writing.whole_folder(folder) as unfinished:
        os.makedirs(f"{unfinished}/below")
        writing.write(f"{unfinished}/below/file", "content")
        assert not folder.exists()
    assert (folder / "below" / "file").read_text() == "content"
    assert os.listdir(tmp_path) == ["folder"]


def test_an_error_leaves_nothing_of_a_folder(tmp_path):
    def fail():
        with writing.whole_folder(tmp_path / "folder") as unfinished:
            writing.write(f"{unfinished}/below/file", "content")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert os.listdir(tmp_path) == []


def test_a_folder_does_not_replace_another(tmp_path):
    writing.write(tmp_path / "folder" / "file", "old")
    with (
        pytest.raises(OSError, match="not empty"),
        writing.whole_folder(tmp_path / "folder") as unfinished,
    ):
        writing.write(f"{unfinished}/file", "new")
    assert (tmp_path / "folder" / "file").read_text() == "old"
    assert os.listdir(tmp_path) == ["folder"]


def test_copied_files_appear_whole_and_in_order(tmp_path):
    source, target = tmp_path / "source", tmp_path / "target"
    paths = ["below/last", "below/c", "first"]
    for path in paths:
        writing.write(source / path, path)
    assert places.files_below(source) == ["below/c", "below/last", "first"]

    with pytest.raises(FileNotFoundError):
        writing.copy_files(source, target, ["first", "below/c", "missing", "below/last"])
    assert places.files_below(target) == ["below/c", "first"]
    writing.copy_files(source, target, ["below/last"])
    assert all((target / path).read_text() == path for path in paths)


def test_a_link_is_the_same_file_or_a_copy_where_there_can_be_no_links(tmp_path, monkeypatch):
    source, old = tmp_path / "source", tmp_path / "below" / "old"
    source.write_text("content")
    writing.write(old, "old")
    writing.link(source, old)
    assert old.samefile(source)

    def refused(*_):
        raise OSError(errno.EXDEV, "another file system")

    monkeypatch.setattr(os, "link", refused)
    writing.link(source, tmp_path / "copy")
    assert (tmp_path / "copy").read_text() == "content"
    assert not (tmp_path / "copy").samefile(source)
    assert sorted(os.listdir(tmp_path)) == ["below", "copy", "source"]


def test_removing_takes_a_file_a_folder_or_nothing(tmp_path):
    writing.write(tmp_path / "folder" / "below" / "file", "")
    writing.write(tmp_path / "file", "")
    for name in ("folder", "file", "nothing"):
        writing.remove(tmp_path / name)
    assert os.listdir(tmp_path) == []


def test_a_remote_store_is_written_copied_and_removed_through_tensorflow(tmp_path):
    import tensorflow as tf

    writing.write("ram://files/folder/file", "old")
    writing.write("ram://files/folder/file", "new")
    assert tf.io.gfile.listdir("ram://files/folder") == ["file"]

    paths = places.files_below("ram://files/folder")
    writing.copy_files("ram://files/folder", tmp_path / "copy", paths)
    assert (tmp_path / "copy" / "file").read_text() == "new"

    writing.remove("ram://files/folder/file")
    assert not tf.io.gfile.exists("ram://files/folder/file")


def test_an_address_that_cannot_be_written_leaves_no_folder_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Failure, match="unknown://place cannot be written: "):
        writing.write("unknown://place", "content")
    with pytest.raises(Failure, match="unknown://folder/place cannot be written: "):
        writing.write("unknown://folder/place", "content")
    assert not list(tmp_path.iterdir())
