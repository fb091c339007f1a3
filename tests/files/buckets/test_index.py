"""The table of a copy is one that several runs look into."""

import contextlib
import os
import sqlite3
import threading

import pytest

from files.buckets.index import Index
from files.buckets.stored import Stored


@pytest.mark.slow
def test_a_copy_is_measured_once_the_run_that_changes_its_index_has_done_so(tmp_path):
    objects = [Stored("a", 3, "tag"), Stored("b", 4, "tag")]
    with Index(tmp_path / "index.sqlite") as index:
        index.note(objects)
        index.have(objects)
    other = sqlite3.connect(tmp_path / "index.sqlite", check_same_thread=False)
    with contextlib.closing(other):
        other.execute("BEGIN EXCLUSIVE")
        ended = threading.Timer(5.2, other.rollback)  # SQLite itself waits for 5 seconds.
        ended.start()
        with Index(tmp_path / "index.sqlite") as index:
            assert index.bytes_copied() == 7
        ended.join()


def test_the_files_of_a_copy_are_looked_at_together(tmp_path, monkeypatch):
    names = [f"{number:02}" for number in range(48)]
    for name in names[1:]:
        (tmp_path / name).write_bytes(b"abc")
    (tmp_path / names[0]).write_bytes(b"ab")
    together = threading.Barrier(3, timeout=10)

    def size_of(path, getsize=os.path.getsize):
        together.wait()
        return getsize(path)

    with Index(tmp_path / "index.sqlite") as index:
        objects = [Stored(name, 3, "tag") for name in names]
        index.note(objects)
        index.have(objects)
        with monkeypatch.context() as patch:
            patch.setattr(os.path, "getsize", size_of)
            assert index.missing(tmp_path) == 1
        assert index.next_missing(10, "") == [objects[0]]
