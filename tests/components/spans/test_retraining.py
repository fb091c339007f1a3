"""A retraining reads, measures and transforms what is new, and the rest comes from the store."""

import os
import shutil

import pytest

from components.examples.reading import read_data
from components.spans import store
from failures import Failure


def properties(artifact) -> dict:
    names = ("dataset", "fingerprint", "counts", "spans", "summary")
    return {name: artifact.get_string_custom_property(name) for name in names}


def properties_but_spans(run) -> dict:
    """Of the transformed examples, without the words about what was made anew."""
    found = {
        name: run.transformed.get_string_custom_property(name)
        for name in ("counts", "out_of_vocabulary", "summary")
    }
    return found | {"summary": found["summary"].partition("; spans")[0]}


@pytest.mark.slow
def test_each_span_is_read_measured_and_transformed_once(feed):
    for span in ("1", "2", "3"):
        feed.arrive(span)
        assert feed.run().new() == [f"span {span}"] * 3

    again = feed.run()
    assert again.new() == ["none"] * 3
    summary = again.examples.get_string_custom_property("summary")
    assert summary == "180 examples in 3 splits; spans 1 to 3 (new: none)"


@pytest.mark.slow
def test_what_the_store_gives_is_what_a_run_without_it_makes(feed):
    feed.arrive("1")
    feed.run()
    feed.arrive("2")
    reused = feed.run()
    fresh = feed.run(store=store.NO_STORE)
    assert fresh.new() == ["spans 1, 2"] * 3
    assert not (fresh.folder / "examples" / "spans").exists()
    for name in ("statistics", "transformed"):
        assert reused.bytes_of(name) == fresh.bytes_of(name)
    another = feed.run(steps=1, store=feed.store(folder="another"))
    assert another.new() == ["spans 1, 2"]
    assert reused.bytes_of("examples") == another.bytes_of("examples")


def test_a_window_of_the_past_is_repeated_byte_for_byte(feed):
    feed.arrive("1")
    feed.arrive("2")
    then = feed.run(steps=1, window={"last": 2})
    feed.arrive("3")
    shutil.rmtree(feed.folder / "root" / "spans")

    now = feed.run(steps=1, window={"last": 2}, span=2)

    assert now.bytes_of("examples") == then.bytes_of("examples")
    assert properties(now.examples) == properties(then.examples)
    assert now.examples.span == then.examples.span == 2


def test_the_artifact_says_which_spans_it_holds(feed):
    feed.arrive("1")
    feed.arrive("2", each=20)
    examples = feed.run(steps=1, window={"last": 2}).examples
    data = read_data(properties(examples))
    assert data.spans == [
        {"span": 1, "version": None, "name": "1", "examples": 60},
        {"span": 2, "version": None, "name": "2", "examples": 40},
    ]
    assert examples.get_int_custom_property("span") == 2


@pytest.mark.slow
def test_a_changed_span_and_changed_code_are_made_anew_and_a_renamed_file_is_not(feed):
    feed.arrive("1")
    changed = feed.arrive("2")
    feed.run()

    (changed / "dark" / "0.png").rename(changed / "dark" / "renamed.png")
    assert feed.run().new() == ["none"] * 3

    (changed / "dark" / "1.png").unlink()
    assert feed.run().new() == ["span 2"] * 3
    assert feed.run(store=feed.store(code="2")).new() == ["spans 1, 2"] * 3


def test_an_edit_that_keeps_size_and_time_of_modification_is_noticed(feed):
    file = feed.arrive("1") / "dark" / "0.png"
    feed.run(steps=1)
    status, content = file.stat(), file.read_bytes()
    file.write_bytes(content[:60] + bytes([content[60] ^ 1]) + content[61:])
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert feed.run(steps=1).new() == ["span 1"]


@pytest.mark.slow
def test_other_settings_transform_anew_and_measure_nothing_anew(feed):
    feed.arrive("1")
    feed.run()
    assert feed.run(size=9).new() == ["none", "none", "span 1"]


@pytest.mark.slow
def test_a_new_class_renumbers_the_labels_of_all_spans(feed):
    feed.arrive("1")
    feed.run()
    feed.arrive("2", labels=("dark", "grey", "light"))
    renumbered = feed.run()
    assert renumbered.new() == ["span 2"] * 3  # No image of span 1 is decoded again.
    fresh = feed.run(store=feed.store(folder="another"))
    assert renumbered.bytes_of("transformed") == fresh.bytes_of("transformed")
    assert properties_but_spans(renumbered) == properties_but_spans(fresh)


@pytest.mark.slow
def test_a_class_that_goes_and_comes_again_renumbers_them_too(feed):
    feed.arrive("1", labels=("dark", "grey", "light"))
    feed.arrive("2")
    feed.run()
    feed.arrive("3")
    without = feed.run(window={"last": 2})
    assert without.new()[2] == "span 3"
    feed.arrive("4", labels=("black", "dark", "grey", "light"))
    again = feed.run(window={"last": 3})
    fresh = feed.run(window={"last": 3}, store=feed.store(folder="another"))
    assert again.bytes_of("transformed") == fresh.bytes_of("transformed")


@pytest.mark.slow
def test_a_span_needs_not_every_class_but_the_window_does(feed):
    feed.arrive("1")
    feed.arrive("2", labels=("dark",))
    assert feed.run(window={"last": 2}).new() == ["spans 1, 2"] * 3
    with pytest.raises(Failure, match=r"incoming/\{SPAN\}, span 2 has one class only, dark\."):
        feed.run(window="latest")


def test_the_highest_version_of_a_span_replaces_the_others(feed):
    path = str(feed.folder / "incoming" / "{SPAN}" / "v{VERSION}")
    feed.arrive("1/v1")
    feed.arrive("2/v1")
    feed.run(steps=1, path=path)
    feed.arrive("1/v2")
    run = feed.run(steps=1, path=path)
    assert run.new() == ["span 1"]
    assert [span["version"] for span in read_data(properties(run.examples)).spans] == [2, 1]

    shutil.rmtree(feed.folder / "incoming" / "1" / "v2")
    with pytest.raises(
        Failure, match="span 1, version 2 was read before and is gone; what remains is version 1"
    ):
        feed.run(steps=1, path=path)


def test_a_span_that_vanished_or_was_emptied_stops_the_run(feed):
    first, second = feed.arrive("1"), feed.arrive("2")
    feed.run(steps=1)
    second.rename(feed.folder / "aside")
    with pytest.raises(Failure, match="span 2 was read before and is gone"):
        feed.run(steps=1)
    second.mkdir()
    with pytest.raises(Failure, match=f"{second} has no image as <class>/<name>"):
        feed.run(steps=1)
    second.rmdir()
    (feed.folder / "aside").rename(second)
    first.rename(feed.folder / "aside")
    with pytest.raises(Failure, match="span 1 was read before and is gone"):
        feed.run(steps=1)


@pytest.mark.slow
def test_what_a_killed_run_left_in_the_store_is_completed(feed):
    feed.arrive("1")
    feed.run()
    [kept] = store.kept_spans(feed.store().folder)
    folder = feed.folder / "root" / "spans" / kept.key
    (folder / "examples").rename(folder / "examples.unfinished")
    (folder / "examples.unfinished" / "span.json").unlink()
    for file in [one for one in (folder / "transform").iterdir() if not one.suffix]:
        file.with_name(f"{file.name}.unfinished").write_bytes(file.read_bytes()[:5])
        file.unlink()
    for file in (folder / "statistics").iterdir():
        file.write_bytes(file.read_bytes()[:-5])  # as a damaged disk may leave it

    again = feed.run()

    assert again.new() == ["span 1"] * 3
    assert feed.run().new() == ["none"] * 3
    assert not list((feed.folder / "root").rglob("*.unfinished"))


def test_the_store_keeps_to_its_limit_and_never_gives_up_the_window(feed):
    feed.arrive("1")
    feed.arrive("2")
    feed.run(steps=1, span=1, window="latest")
    feed.run(steps=1, window="latest")
    keys = {kept.place.span: kept.key for kept in store.kept_spans(feed.store().folder)}
    assert set(keys) == {1, 2}

    feed.arrive("3")
    feed.run(steps=1, window="latest", span_store_gb=1e-9)
    [kept] = store.kept_spans(feed.store().folder)
    assert kept.place.span == 3


def test_a_removal_that_is_killed_leaves_nothing_that_looks_whole(feed, monkeypatch):
    for span in "12":
        feed.arrive(span)
    expected = feed.run(steps=1).bytes_of("examples")

    unlink, left = os.unlink, iter(range(3))

    def killed(*arguments, **named):
        if next(left, None) is None:
            raise KeyboardInterrupt
        unlink(*arguments, **named)

    with monkeypatch.context() as patched:
        patched.setattr(os, "unlink", killed)
        with pytest.raises(KeyboardInterrupt):
            store.drop(feed.store().folder, feed.source().path, 2)
    assert feed.run(steps=1).bytes_of("examples") == expected
    assert not list((feed.folder / "root" / "spans").rglob("*.unfinished"))


def test_duplicates_of_two_spans_are_in_one_split_and_counted(feed):
    first, second = feed.arrive("1"), feed.arrive("2")
    for number in range(5):
        shutil.copy(first / "dark" / f"{number}.png", second / "dark" / f"copy{number}.png")
    summary = feed.run(steps=1).examples.get_string_custom_property("summary")
    assert "5 duplicates kept (2/dark/copy0.png" in summary
    assert "other split" not in summary
