"""The table of a copy is one that several runs look into."""

import contextlib
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
