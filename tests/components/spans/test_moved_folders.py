"""A folder can come or go by a rename while a span is read: no time of its files tells."""

import os
import threading

import pytest

from components.folder_example_gen.contents import read
from components.spans import marks
from components.spans.contents import read_contents
from settings.data import Features


def comes(span, aside):
    os.rename(aside / "grey", span / "grey")


def goes(span, aside):
    os.rename(span / "grey", aside / "gone")


def is_exchanged(span, aside):
    os.rename(span, aside.parent / "gone")
    os.rename(aside, span)


@pytest.mark.parametrize(
    ("move", "before", "after"),
    [
        (comes, ("dark", "light"), {"dark", "light", "grey"}),
        (goes, ("dark", "light", "grey"), {"dark", "light"}),
        (is_exchanged, ("dark", "light"), {"grey", "white"}),
    ],
)
def test_a_folder_that_is_moved_while_its_span_is_read_is_noticed_by_the_next_run(
    feed, monkeypatch, move, before, after
):
    monkeypatch.setattr(marks, "_TICK_NS", 0)  # The files are as old as if they had lain there.
    span, aside = feed.arrive("1", labels=before), feed.arrive("../aside", labels=("grey", "white"))

    def read_and_move(*given):
        found = read(*given)
        move(span, aside)
        return found

    read_contents(read_and_move, feed.source(), Features(), feed.store())

    now = read_contents(read, feed.source(), Features(), feed.store())
    assert {entry.label for found in now.whole.roles.values() for entry in found} == after


def test_a_span_that_nobody_touches_is_read_once(feed, monkeypatch):
    monkeypatch.setattr(marks, "_TICK_NS", 0)
    feed.arrive("1")
    reads = []

    def counted(*given):
        reads.append(given)
        return read(*given)

    for _ in range(2):
        read_contents(counted, feed.source(), Features(), feed.store())
    assert len(reads) == 1


def test_the_files_of_a_span_are_looked_at_together_and_in_order(feed, monkeypatch):
    span = str(feed.arrive("1", each=24))
    expected, look, together = marks.marks(span), os.stat, threading.Barrier(3, timeout=10)

    def at_a_file(path, *rest, **options):
        if str(path).endswith(".png"):
            together.wait()
        return look(path, *rest, **options)

    with monkeypatch.context() as patch:
        patch.setattr(os, "stat", at_a_file)
        found = marks.marks(span)
    assert found == expected
