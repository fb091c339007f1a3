"""Rows of BigQuery become Examples: each once, of one time, and in splits as asked for."""

import datetime
import random
from collections import Counter
from pathlib import Path

import grpc
import pytest

from tests.bigquery_server import now
from tests.components.bigquery_example_gen.conftest import TABLE
from tests.components.source_images import CLASSES, NUMBER, mask_bytes, pairs_of, put, said


def all_pairs(examples, target="label") -> Counter:
    return Counter(pair for pairs in pairs_of(examples, target).values() for pair in pairs)


def expected(rows) -> Counter:
    return Counter((row["image"], row["label"].encode()) for row in rows)


def test_every_row_becomes_an_example_in_an_order_of_its_own(bigquery_server, rows, ingest):
    bigquery_server.put("pets.photos", rows)
    examples = ingest()
    first = pairs_of(examples)
    assert all_pairs(examples) == expected(rows)
    assert set(first) == {"train", "validation", "test"}
    assert said(examples, "dataset") == TABLE
    assert said(examples).startswith("120 examples in 3 splits")
    assert not list(Path(examples.uri).glob("rows*"))
    fingerprint = said(examples, "fingerprint")

    bigquery_server.put("pets.photos", rows[::-1], now() - datetime.timedelta(minutes=1))
    bigquery_server.most_streams = 2
    again = ingest()
    assert pairs_of(again) == first
    assert said(again, "fingerprint") == fingerprint


@pytest.mark.slow
def test_streams_that_are_cut_go_on_at_their_next_row(bigquery_server, rows, ingest):
    bigquery_server.put("pets.photos", rows)
    places, left = random.Random(7), 20

    def cut(stream, offset):
        nonlocal left
        if left and places.random() < 0.5:
            left -= 1
            code = places.choice(["UNAVAILABLE", "INTERNAL", "ABORTED", "UNKNOWN"])
            return getattr(grpc.StatusCode, code), "RST_STREAM: the connection was cut"

    bigquery_server.fault = cut
    examples = ingest()
    assert left == 0
    assert all_pairs(examples) == expected(rows)
    assert sum(offset > 0 for _, offset in bigquery_server.offsets) >= 5


@pytest.mark.parametrize("wait", [None, 0.01])
def test_throttling_is_waited_out(bigquery_server, rows, ingest, wait):
    bigquery_server.put("pets.photos", rows)
    left = 3

    def throttle(stream, offset):
        nonlocal left
        if offset and left:
            left -= 1
            return grpc.StatusCode.RESOURCE_EXHAUSTED, "too many requests", wait

    bigquery_server.fault = throttle
    assert all_pairs(ingest()) == expected(rows)
    assert left == 0


def test_only_what_is_needed_is_asked_for(bigquery_server, rows, ingest):
    for row in rows:
        row |= {"camera": "a", "quality": "good" if row["id"] < 100 else "bad"}
    bigquery_server.put("pets.photos", rows)
    examples = ingest(where="quality = 'good'")
    assert all_pairs(examples) == expected(rows[:100])
    [session] = bigquery_server.sessions
    assert set(session.read_session.read_options.selected_fields) == {"id", "image", "label"}
    assert session.read_session.read_options.row_restriction == "quality = 'good'"
    assert session.max_stream_count == 8
    assert bigquery_server.authorization == [None] * len(bigquery_server.authorization)


def test_the_table_is_read_as_it_was_when_the_driver_saw_it(bigquery_server, rows, ingest, version):
    bigquery_server.put("pets.photos", rows[:100])
    seen = version()
    bigquery_server.put("pets.photos", rows, now() + datetime.timedelta(seconds=1))
    examples = ingest(version=seen)
    assert all_pairs(examples) == expected(rows[:100])
    snapshot = datetime.datetime.fromisoformat(said(examples, "snapshot"))
    assert snapshot.microsecond == 0
    [session] = bigquery_server.sessions
    assert session.read_session.table_modifiers.snapshot_time == snapshot


def test_an_earlier_time_can_be_asked_for(bigquery_server, rows, ingest, version):
    then = now() - datetime.timedelta(days=2)
    bigquery_server.put("pets.photos", rows[:90], then)
    bigquery_server.put("pets.photos", rows)
    snapshot = (then + datetime.timedelta(hours=1)).isoformat()
    examples = ingest(snapshot=snapshot)
    assert all_pairs(examples) == expected(rows[:90])
    assert said(examples, "snapshot") == snapshot.replace("+00:00", "Z")
    assert version(snapshot=snapshot).endswith(said(examples, "snapshot"))


def test_a_change_of_the_table_alone_changes_the_version(bigquery_server, rows, version):
    bigquery_server.put("pets.photos", rows)
    first = version()
    assert version() == first
    bigquery_server.put("pets.photos", rows, now() - datetime.timedelta(minutes=1))
    assert version() != first


@pytest.mark.parametrize(
    "facts", [{"streamingBuffer": {"estimatedRows": "5"}}, {"lastModifiedTime": None}]
)
def test_rows_that_change_unseen_are_read_in_every_run(bigquery_server, rows, version, facts):
    bigquery_server.put("pets.photos", rows)
    bigquery_server.facts["pets.photos"] = facts
    assert " at 2" in version()


def test_a_streaming_buffer_that_is_emptied_after_the_driver_saw_it_stops_no_run(
    bigquery_server, rows, ingest, version
):
    bigquery_server.put("pets.photos", rows[:100])
    bigquery_server.facts["pets.photos"] = {"streamingBuffer": {"estimatedRows": "5"}}
    seen = version()
    bigquery_server.facts.clear()
    bigquery_server.put("pets.photos", rows, now() + datetime.timedelta(seconds=1))
    for _ in range(2):  # in the process that has seen it, and as in another pod
        assert all_pairs(ingest(version=seen)) == expected(rows[:100])


def test_the_result_of_a_query_is_read_like_a_table(bigquery_server, rows, ingest, version):
    query = "SELECT * FROM `pets.photos`\nWHERE nice"
    bigquery_server.answers[query] = rows[:100]
    seen = version(query=query)
    examples = ingest(query=query, version=seen)
    assert all_pairs(examples) == expected(rows[:100])
    assert said(examples, "dataset") == "SELECT * FROM `pets.photos` WHERE nice"
    assert said(examples, "snapshot")
    assert bigquery_server.queries == [query]
    assert version(query=query) == seen


@pytest.mark.parametrize("name", ["pets.photos", "other.photos"])
def test_a_table_without_a_project_is_one_of_the_project_that_pays(
    bigquery_server, rows, ingest, name
):
    bigquery_server.put(name, rows)
    assert all_pairs(ingest(table=name, project="my-project")) == expected(rows)


def test_rows_that_cannot_be_used_are_left_out_and_named(bigquery_server, rows, ingest):
    rows[3]["image"] = None
    rows[4]["label"] = None
    rows[5]["image"] = rows[5]["image"][:-9]
    rows[6]["image"] = b"no image at all"
    rows[7]["image"] = b""
    rows[9]["image"] = rows[11]["image"]
    bigquery_server.put("pets.photos", rows)
    examples = ingest()
    assert all_pairs(examples) == expected([*rows[:3], *rows[8:]])
    assert said(examples).split("; ")[1:] == [
        "warning: 2 broken images left out (5, 6)",
        "warning: 1 empty file left out (7)",
        "warning: 1 row without an image left out (3)",
        "warning: 1 row without a label left out (4)",
        "1 duplicate kept (9)",
    ]
    unkeyed = ingest(columns={})
    assert "1 row without an image left out (stream 1 row 2)" in said(unkeyed)


def test_splits_are_as_the_column_says(bigquery_server, rows, ingest):
    names = ["train", "train", "train", "train", "validation", "validation", "test", "test"]
    for row in rows:
        row["split"] = names[row["id"] % 8]
    bigquery_server.put("pets.photos", rows)
    found = pairs_of(ingest())
    for role, pairs in found.items():
        assert Counter(pairs) == expected(row for row in rows if row["split"] == role)


def test_a_group_is_in_one_split_only(bigquery_server, rows, ingest):
    for row in rows:
        row["patient"] = row["id"] // 3
    bigquery_server.put("pets.photos", rows)
    found = pairs_of(ingest(columns={"group": "patient"}))
    roles = {image: role for role, pairs in found.items() for image, _ in pairs}
    by_group = [{roles[row["image"]] for row in rows[at : at + 3]} for at in range(0, NUMBER, 3)]
    assert all(len(one) == 1 for one in by_group)


def test_the_end_of_a_result_is_named(bigquery_server, rows, ingest):
    bigquery_server.answers["SELECT 1"] = rows
    bigquery_server.facts["_answers.anon0"] = {"expirationTime": "1795776300000"}
    summary = said(ingest(query="SELECT 1"))
    assert (
        "BigQuery keeps this result until 2026-11-27T10:45:00Z; a run after that queries again"
        in summary
    )


def test_the_latest_rows_are_for_testing(bigquery_server, rows, ingest):
    for row in rows:
        moment = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
        row["made"] = moment + datetime.timedelta(hours=row["id"])
    bigquery_server.put("pets.photos", rows[::-1])
    found = pairs_of(ingest(split_by="time", columns={"time": "made", "weight": "id"}))
    assert Counter(found["test"]) == expected(rows[108:])
    assert Counter(found["train"]) == expected(rows[:96])


def test_masks_are_read_instead_of_classes(bigquery_server, rows, ingest):
    rows = [row | {"mask": mask_bytes(row["id"])} for row in rows]
    rows[2]["mask"] = None
    bigquery_server.put("pets.photos", rows)
    features = {"mask_feature": "mask", "mask_classes": {"ground": 0, "tree": 1}}
    examples = ingest(features)
    wanted = Counter((row["image"], row["mask"]) for row in rows if row["id"] != 2)
    assert all_pairs(examples, "mask") == wanted
    assert "1 image without a whole mask left out (2)" in said(examples)


def test_paths_lead_to_images_below_the_root(bigquery_server, rows, ingest, tmp_path):
    for row in rows:
        put(tmp_path / "photos" / str(row["id"]), row["image"])
    table = [{"id": r["id"], "path": str(r["id"]), "label": r["label"]} for r in rows]
    table[5]["path"] = "nowhere"
    bigquery_server.put("pets.photos", table)
    keys = {"columns": {"path": "path", "key": "id"}, "root": str(tmp_path / "photos")}
    examples = ingest(**keys)
    assert all_pairs(examples) == expected(row for row in rows if row["id"] != 5)
    assert "warning: 1 missing file left out (5)" in said(examples)


@pytest.mark.parametrize("at", ["a time", "the present", "a query"])
def test_files_behind_paths_are_read_in_every_run_whatever_is_said_of_their_rows(
    bigquery_server, rows, ingest, version, tmp_path, at
):
    for row in rows:
        put(tmp_path / str(row["id"]), row["image"])
    table = [{"id": r["id"], "path": str(r["id"]), "label": r["label"]} for r in rows]
    bigquery_server.put("pets.photos", table)
    bigquery_server.answers["SELECT 1"] = table
    asked = {"a time": {"snapshot": now().isoformat()}, "a query": {"query": "SELECT 1"}}
    keys = asked.get(at, {}) | {"columns": {"path": "path", "key": "id"}, "root": str(tmp_path)}
    first, second = version(**keys), version(**keys)
    assert first != second  # Nobody says whether a file has changed.
    for seen in (second, first):  # of this process, and of another one
        assert all_pairs(ingest(version=seen, **keys)) == expected(rows)


def test_paths_lead_to_images_in_buckets(bigquery_server, rows, ingest, bucket):
    for row in rows:
        bucket.put(f"photos/{row['id']}", row["image"])
    address = f"{bucket.address}/photos"
    table = [{"uri": f"{address}/{r['id']}", "label": CLASSES[r["id"] % 2]} for r in rows]
    bigquery_server.put("pets.photos", table)
    assert all_pairs(ingest(columns={"path": "uri"})) == expected(rows)
