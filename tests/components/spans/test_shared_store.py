"""Several runs share a store, as on a volume of a cluster: none of them harms another."""

import os
import shutil

import pytest

from components.spans import shards, store
from failures import Failure


@pytest.fixture
def kept(feed):
    """{span: its folder in the store}."""

    def look():
        found = store.kept_spans(feed.store().folder)
        return {one.place.span: feed.folder / "root" / "spans" / one.key for one in found}

    return look


@pytest.fixture
def while_a_span_is_written(monkeypatch):
    """`while_a_span_is_written(act)`: has this done when the shards of a span are there."""

    def do(act):
        def record(*arguments, record=store.record):
            record(*arguments)
            act()

        monkeypatch.setattr(shards, "record", record)

    return do


def test_a_file_that_another_run_renames_meanwhile_does_not_count(feed, kept):
    feed.arrive("1")
    feed.run(steps=1)
    (kept()[1] / "statistics").mkdir()
    # It is listed, and then it is not there, as what was written under another name.
    (kept()[1] / "statistics" / "5.unfinished").symlink_to("nowhere")
    feed.arrive("2")
    feed.run(steps=1, window="latest", span_store_gb=1e-9)
    assert set(kept()) == {2}


def test_what_was_found_in_the_place_of_a_span_counts_and_goes_with_it(feed, kept):
    def found():
        return [path.name.partition("-")[0] for path in (feed.folder / "root/spans/read").iterdir()]

    for span in "12":
        feed.arrive(span)
        feed.run(steps=1, window="latest")
    assert sorted(found()) == ["1", "2"]
    shutil.rmtree(kept()[1])
    feed.run(steps=1, window="latest")
    assert found() == ["2"]

    shares = {"train": 60, "test": 40}
    feed.run(steps=1, window="latest", splits=shares)
    assert found() == ["2", "2"]
    feed.run(steps=1, window="latest", splits=shares, span_store_gb=1e-9)
    assert found() == ["2"]


def test_nothing_is_removed_while_another_run_adds_a_span(feed, kept):
    for span in "12":
        feed.arrive(span)
        feed.run(steps=1, window="latest")
    with feed.store().locked():
        feed.run(steps=1, window="latest", span_store_gb=1e-9)
    assert set(kept()) == {1, 2}
    feed.run(steps=1, window="latest", span_store_gb=1e-9)
    assert set(kept()) == {2}


def test_a_window_counts_as_used_before_what_is_new_in_it_is_written(
    feed, kept, while_a_span_is_written
):
    feed.arrive("1")
    feed.run(steps=1)
    folder, used = kept()[1], []
    os.utime(folder, (1, 1))
    feed.arrive("2")
    while_a_span_is_written(lambda: used.append(folder.stat().st_mtime))
    feed.run(steps=1)
    assert used[0] > 1


def test_a_span_that_is_removed_before_it_is_put_into_the_examples_stops_the_run(
    feed, while_a_span_is_written
):
    feed.arrive("1")
    feed.run(steps=1)
    feed.arrive("2")
    while_a_span_is_written(lambda: store.drop(feed.store().folder, feed.source().path, 1))
    with pytest.raises(Failure, match=r"another run removed span 1 .*Raise data.span_store_gb"):
        feed.run(steps=1)
