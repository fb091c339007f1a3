"""The version store reads what TensorFlow Serving reads, whatever else lies there."""

import math
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.model_store.model_files import model_fingerprint
from components.model_store.publish import publish
from components.model_store.versions import (
    HIGHEST_NUMBER,
    PushRecord,
    champion_of,
    find,
    list_versions,
    newest,
    next_number,
)
from failures import Failure


def a_model(folder, content="weights"):
    folder.mkdir(parents=True)
    (folder / "saved_model.pb").write_text("graph")
    (folder / "variables").mkdir()
    (folder / "variables" / "variables.index").write_text(content)
    return folder


def push(destination, content):
    with tempfile.TemporaryDirectory() as place:
        model = a_model(Path(place) / "model", content)
        record = PushRecord(model_fingerprint(str(model)), "uri", "2026-11-21T00:00:00+00:00")
        return publish(str(model), str(destination), record)


def test_a_missing_destination_holds_no_version(tmp_path):
    assert list_versions(str(tmp_path / "none")) == []
    assert newest(str(tmp_path / "none")) is None
    assert next_number(str(tmp_path / "none")) == 1


def test_versions_are_ordered_as_numbers_and_not_as_texts(tmp_path):
    for number in (9, 10, 2):
        a_model(tmp_path / str(number))
    assert [version.number for version in list_versions(str(tmp_path))] == [2, 9, 10]


@pytest.mark.parametrize("name", ["007", "-1", "1.5", "latest", ".pushing-1", "٣", str(2**63)])
def test_a_foreign_name_is_not_a_version(tmp_path, name):
    a_model(tmp_path / name)
    assert list_versions(str(tmp_path)) == []


def test_a_half_made_version_is_passed_over_and_its_number_is_not_taken(tmp_path):
    push(tmp_path, "one")
    (tmp_path / "5" / "variables").mkdir(parents=True)
    assert newest(str(tmp_path)).number == 1
    assert push(tmp_path, "two").number == 6


def test_a_file_with_a_number_for_a_name_is_left_alone(tmp_path):
    (tmp_path / "3").write_text("mine")
    assert push(tmp_path, "one").number == 4
    assert (tmp_path / "3").read_text() == "mine"


def test_versions_beyond_those_of_tensorflow_serving_are_refused(tmp_path):
    a_model(tmp_path / str(HIGHEST_NUMBER))
    with pytest.raises(Failure, match="highest that TensorFlow Serving accepts"):
        push(tmp_path, "one")


def test_the_record_comes_back_as_it_was_written(tmp_path):
    model = a_model(tmp_path / "model")
    record = PushRecord("f" * 64, "uri", "2026-11-21T00:00:00+00:00", {"accuracy": 0.98})
    publish(str(model), str(tmp_path / "pushed"), record)
    assert newest(str(tmp_path / "pushed")).record == record


def test_a_metric_that_is_no_number_is_null_in_the_record_and_comes_back(tmp_path):
    model = a_model(tmp_path / "model")
    metrics = {"accuracy": 0.5, "f1": math.nan}
    record = PushRecord("f" * 64, "uri", "2026-11-21T00:00:00+00:00", metrics)
    publish(str(model), str(tmp_path / "pushed"), record)
    pushed = newest(str(tmp_path / "pushed"))
    assert '"f1": null' in Path(pushed.path, "steadyfeed.json").read_text()
    assert math.isnan(pushed.record.metrics["f1"])
    assert pushed.record.metrics["accuracy"] == 0.5


@pytest.mark.parametrize("text", ["", "{", "[]", '{"other": 1}'])
def test_a_foreign_record_is_ignored(tmp_path, text):
    (a_model(tmp_path / "1") / "steadyfeed.json").write_text(text)
    assert newest(str(tmp_path)).record is None


def test_the_fingerprint_follows_the_content_alone(tmp_path):
    one = model_fingerprint(str(a_model(tmp_path / "a", "x")))
    assert one == model_fingerprint(str(a_model(tmp_path / "b", "x")))
    assert one != model_fingerprint(str(a_model(tmp_path / "c", "y")))
    version = push(tmp_path / "pushed", "x")
    assert one == version.fingerprint == model_fingerprint(version.path)


def test_the_fingerprint_tells_where_one_file_ends_and_the_next_begins(tmp_path):
    folders = []
    for name, split in (("a", 1), ("b", 2)):
        folder = a_model(tmp_path / name, "abc"[:split])
        (folder / "variables" / "variables.more").write_text("abc"[split:])
        folders.append(str(folder))
    assert model_fingerprint(folders[0]) != model_fingerprint(folders[1])


_step = st.one_of(
    st.tuples(st.just("push"), st.sampled_from("abcde")),
    st.tuples(st.just("foreign"), st.sampled_from(["tmp", "03", "notes.txt"])),
    st.tuples(st.just("half"), st.integers(0, 12)),
    st.tuples(st.just("remove oldest"), st.none()),
)


@settings(max_examples=25, deadline=None)
@given(st.lists(_step, max_size=10))
def test_whatever_happens_a_push_adds_the_highest_number_and_changes_nothing_else(steps):
    with tempfile.TemporaryDirectory() as place:
        destination = Path(place)
        for action, value in steps:
            before = {v.number: v.record for v in list_versions(place)}
            if action == "foreign":
                (destination / value).mkdir(exist_ok=True)
            elif action == "half":
                (destination / str(value)).mkdir(exist_ok=True)
            elif action == "remove oldest" and before:
                shutil.rmtree(list_versions(place)[0].path)
            elif action == "push":
                _check_push(destination, value, before)


def _check_push(destination, content, before):
    highest = max((int(p.name) for p in destination.iterdir() if p.name.isdigit()), default=0)
    with tempfile.TemporaryDirectory() as place:
        fingerprint = model_fingerprint(str(a_model(Path(place) / "model", content)))
    champion = champion_of(str(destination), fingerprint)
    present = find(str(destination), fingerprint)
    version = push(destination, content)
    after = {v.number: v.record for v in list_versions(str(destination))}
    if present:
        assert version == present
        assert after == before
    else:
        assert version.number == highest + 1
        assert after == before | {version.number: version.record}
    assert champion_of(str(destination), fingerprint) == champion
    assert not list(destination.glob(".pushing-*"))


@pytest.mark.parametrize(
    "record",
    ['[1]', '{"fingerprint": "a", "model_uri": "", "pushed_at": "x", "metrics": null}',
     '{"fingerprint": 1, "model_uri": "", "pushed_at": "x"}',
     '{"fingerprint": "a", "model_uri": "", "pushed_at": "x", "metrics": {"loss": "low"}}',
     '{"fingerprint": "a", "model_uri": "", "pushed_at": "x", "replaced": "1"}',
     '{"fingerprint": "a", "model_uri": "", "pushed_at": "x", "origin": []}'],
)  # fmt: skip
def test_a_record_of_another_form_is_somebody_elses(tmp_path, record):
    model = a_model(tmp_path / "1")
    (model / "steadyfeed.json").write_text(record)
    assert [version.record for version in list_versions(str(tmp_path))] == [None]


def test_a_destination_that_is_a_file_is_reported(tmp_path):
    file = tmp_path / "pushed"
    file.write_text("")
    with pytest.raises(Failure, match="pushed is not a folder"):
        list_versions(str(file))


def test_a_missing_model_is_not_a_version(tmp_path):
    record = PushRecord("a", "uri", "2026-11-21T00:00:00+00:00")
    with pytest.raises(Failure, match="none holds no model"):
        publish(str(tmp_path / "none"), str(tmp_path / "pushed"), record)
    assert not list((tmp_path / "pushed").glob("[!.]*"))
