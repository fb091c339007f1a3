"""Rows that come and go move no other image; the order of rows and files does not show."""

import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.manifest_example_gen import contents
from settings.data import Features
from settings.manifest_source import ManifestSource
from tests.components.manifest_example_gen.conftest import write
from tests.components.source_images import CLASSES, NUMBER, put

_KEPT = 90  # rows that stay; the others come and go
numbers = st.sets(st.integers(_KEPT, NUMBER - 1))


@pytest.fixture(scope="module")
def pool(tmp_path_factory, many_images) -> Path:
    folder = tmp_path_factory.mktemp("pool")
    for number, content in enumerate(many_images):
        for name in ("a", "b"):
            put(folder / f"{name}{number}", content)
    return folder


def read(pool, rows, **keys) -> contents.ImageFiles:
    path = Path(tempfile.mkdtemp(dir=pool)) / "labels.jsonl"
    write(path, rows)
    return contents.read(ManifestSource.of(path=str(path), root=str(pool), **keys), Features())


def row_of(number: int, name: str = "a") -> dict:
    label = CLASSES[number % 2]
    return {"path": f"{name}{number}", "label": label, "group": f"person {number // 3}"}


def splits_of(found: contents.ImageFiles) -> dict[bytes, str]:
    return {entry.digest: role for role, entries in found.roles.items() for entry in entries}


@pytest.mark.slow
@pytest.mark.parametrize("split_by", ["content", "group"])
@settings(deadline=None, max_examples=25)
@given(before=numbers, after=numbers, renamed=st.booleans(), seed=st.integers(0, 9))
def test_no_image_moves_when_others_come_and_go_or_names_change(
    split_by, pool, before, after, renamed, seed
):
    kept = set(range(_KEPT))
    one = [row_of(number) for number in kept | before]
    other = [row_of(number, "b" if renamed else "a") for number in kept | after]
    random.Random(seed).shuffle(other)
    one, other = (splits_of(read(pool, rows, split_by=split_by)) for rows in (one, other))

    shared = one.keys() & other.keys()
    assert len(shared) == len(kept | (before & after))
    assert {digest: one[digest] for digest in shared} == {d: other[d] for d in shared}


@pytest.mark.slow
@settings(deadline=None, max_examples=15)
@given(order=st.permutations(range(NUMBER)), renamed=st.sets(st.integers(0, NUMBER - 1)))
def test_neither_the_order_of_rows_nor_names_change_the_fingerprint(pool, order, renamed):
    rows = [row_of(number) for number in range(NUMBER)]
    shuffled = [row_of(number, "b" if number in renamed else "a") for number in order]
    assert read(pool, shuffled).fingerprint == read(pool, rows).fingerprint


@pytest.mark.parametrize("change", ["removed", "another class", "other splits", "weights"])
def test_whatever_changes_the_examples_changes_the_fingerprint(pool, change):
    rows, keys = [row_of(number) | {"weight": 1} for number in range(NUMBER)], {}
    before = read(pool, rows).fingerprint
    if change == "removed":
        del rows[5]
    elif change == "another class":
        rows[5]["label"] = "dog" if rows[5]["label"] == "cat" else "cat"
    elif change == "other splits":
        keys = {"splits": {"train": 60, "validation": 20, "test": 20}}
    else:
        keys = {"columns": {"weight": "weight"}}
    assert read(pool, rows, **keys).fingerprint != before


def test_the_executor_finds_the_fingerprint_that_the_driver_finds(rows, photos, ingest):
    path = write(photos / "labels.csv", rows)
    properties = {
        "source": ManifestSource(path=str(path)).model_dump_json(),
        "features": Features().model_dump_json(),
    }
    by_driver = contents.Driver(None).value({}, properties)
    examples = ingest(path, fingerprint=by_driver)
    assert examples.get_string_custom_property("fingerprint") == by_driver
