"""What ManifestExampleGen makes of manifests."""

import json
import shutil
from collections import Counter
from pathlib import Path

import pytest

from components.examples.reading import read_examples
from tests.components.manifest_example_gen.conftest import MASKS, with_masks, with_splits, write
from tests.components.source_images import NUMBER, mask_bytes, pairs_of, said


def everything(examples, target="label"):
    return Counter(pair for pairs in pairs_of(examples, target).values() for pair in pairs)


def counts(examples) -> dict[str, int]:
    return json.loads(said(examples, "counts"))


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_every_image_is_there_byte_for_byte_with_its_label(
    suffix, rows, photos, ingest, many_images
):
    examples = ingest(write(photos / f"labels.{suffix}", rows))

    expected = {(content, (b"cat", b"dog")[n % 2]) for n, content in enumerate(many_images)}
    assert everything(examples) == Counter(expected)
    assert said(examples) == f"{NUMBER} examples in 3 splits"
    assert said(examples, "dataset") == str(photos / f"labels.{suffix}")


def test_the_format_of_the_manifest_does_not_show_in_the_examples(rows, photos, ingest):
    found = []
    for suffix in ("csv", "jsonl", "parquet"):
        examples = ingest(write(photos / f"labels.{suffix}", rows))
        files = {path.name: path.read_bytes() for path in Path(examples.uri).rglob("data_*")}
        found.append((files, said(examples, "fingerprint")))
    assert found[0] == found[1] == found[2]


def test_columns_may_have_any_name_and_those_that_are_not_read_are_named(rows, photos, ingest):
    renamed = [{"file": row["path"], "animal": row["label"], "camera": "b"} for row in rows]
    path = write(photos / "labels.csv", renamed)
    examples = ingest(path, columns={"path": "file", "label": "animal"})

    assert everything(examples).total() == NUMBER
    assert said(examples).endswith("; 1 column not read (camera)")


def test_labels_may_be_whole_numbers(rows, photos, ingest):
    path = write(photos / "labels.parquet", [row | {"label": len(row["path"])} for row in rows])
    assert {label for _, label in everything(ingest(path))} == {b"8", b"9", b"10"}


def test_a_column_of_splits_is_followed(rows, photos, ingest):
    examples = ingest(write(photos / "labels.csv", with_splits(rows)))
    assert counts(examples) == {"train": 96, "validation": 12, "test": 12}


def test_without_rows_of_validation_there_is_no_such_split(rows, photos, ingest):
    kept = [row for row in with_splits(rows) if row["split"] != "validation"]
    assert counts(ingest(write(photos / "labels.csv", kept))) == {"train": 96, "test": 12}


def test_splits_may_have_any_name_and_rows_of_others_are_left_out(rows, photos, ingest):
    named = [row | {"split": row["split"][:3]} for row in with_splits(rows)]
    path = write(photos / "labels.csv", named)
    examples = ingest(path, splits={"train": "tra", "test": "val"})

    assert counts(examples) == {"train": 96, "test": 12}
    assert "warning: 12 rows of no split left out (images/" in said(examples)


def test_percentages_overrule_a_column_of_splits(rows, photos, ingest):
    path = write(photos / "labels.csv", with_splits(rows))
    examples = ingest(path, splits={"train": 50, "test": 50})
    assert counts(examples)["train"] == pytest.approx(NUMBER / 2, abs=15)


def test_the_images_of_a_group_are_in_one_split(rows, photos, ingest, many_images):
    grouped = [row | {"group": f"person {n // 3}"} for n, row in enumerate(rows)]
    examples = ingest(write(photos / "labels.csv", grouped))

    splits = {}
    for role, pairs in pairs_of(examples).items():
        for content, _ in pairs:
            splits.setdefault(many_images.index(content) // 3, set()).add(role)
    assert len(splits) == NUMBER // 3
    assert {len(found) for found in splits.values()} == {1}
    assert set.union(*splits.values()) == {"train", "validation", "test"}


@pytest.mark.parametrize(
    "time_of",
    [
        lambda n: f"2026-{n // 28 + 1:02}-{n % 28 + 1:02}",
        lambda n: f"2026-01-01T{n // 60:02}:{n % 60:02}:00+01:00",
        lambda n: str(n / 7),
    ],
    ids=["dates", "times with a zone", "numbers"],
)
def test_by_time_the_latest_images_are_for_testing(time_of, rows, photos, ingest, many_images):
    timed = [row | {"time": time_of(n)} for n, row in enumerate(rows)]
    examples = ingest(write(photos / "labels.csv", timed[::-1]), split_by="time")

    number = {
        role: [many_images.index(content) for content, _ in pairs]
        for role, pairs in pairs_of(examples).items()
    }
    assert sorted(number["train"]) == list(range(96))
    assert sorted(number["validation"]) == list(range(96, 108))
    assert sorted(number["test"]) == list(range(108, 120))


def test_images_of_one_time_are_in_one_split(rows, photos, ingest):
    timed = [row | {"taken": f"2026-01-{n // 10 + 1:02}"} for n, row in enumerate(rows)]
    path = write(photos / "labels.parquet", timed)
    examples = ingest(
        path, split_by="time", columns={"time": "taken"}, splits={"train": 75, "test": 25}
    )
    assert counts(examples) == {"train": 90, "test": 30}


def test_masks_go_through_byte_for_byte(rows, photos, ingest, many_images):
    examples = ingest(write(photos / "masks.csv", with_masks(rows)), features=MASKS)

    expected = {(content, mask_bytes(n)) for n, content in enumerate(many_images)}
    assert everything(examples, "mask") == Counter(expected)
    first = next(read_examples(Path(examples.uri), "train"))
    assert set(first) == {"image", "mask"}


def test_images_without_whole_masks_are_left_out_and_named(rows, photos, ingest):
    (photos / "masks/3.png").unlink()
    (photos / "masks/4.png").write_bytes(mask_bytes(4)[:-9])
    masked = with_masks(rows)
    masked[5]["mask"] = ""
    examples = ingest(write(photos / "masks.csv", masked), features=MASKS)

    assert everything(examples, "mask").total() == NUMBER - 3
    assert "warning: 3 images without whole masks left out (images/3, images/4, images/5)" in said(
        examples
    )


def test_weights_go_into_the_examples(rows, photos, ingest):
    weighted = [row | {"w": 0.5 + n} for n, row in enumerate(rows)]
    examples = ingest(write(photos / "labels.parquet", weighted), columns={"weight": "w"})

    found = [
        example["sample_weight"][0]
        for role in counts(examples)
        for example in read_examples(Path(examples.uri), role)
    ]
    assert sorted(found) == [0.5 + n for n in range(NUMBER)]


def test_images_may_be_below_another_folder(rows, photos, ingest, tmp_path):
    (tmp_path / "tables").mkdir()
    path = write(tmp_path / "tables" / "labels.csv", rows)
    for root in (str(photos), "../photos"):
        assert everything(ingest(path, root=root)).total() == NUMBER


def test_absolute_paths_below_the_root_are_taken(rows, photos, ingest):
    absolute = [row | {"path": str(photos / row["path"])} for row in rows]
    assert everything(ingest(write(photos / "labels.csv", absolute))).total() == NUMBER


@pytest.mark.parametrize(
    "how", ["a byte order mark", "line ends of Windows", "a blank line", "spaces behind commas"]
)
def test_a_csv_as_spreadsheets_save_it_is_read(how, rows, photos, ingest):
    path = write(photos / "labels.csv", rows)
    content = path.read_bytes().replace(b"\r\n", b"\n")
    if how == "a byte order mark":
        content = b"\xef\xbb\xbf" + content
    elif how == "line ends of Windows":
        content = content.replace(b"\n", b"\r\n")
    elif how == "spaces behind commas":
        content = content.replace(b",", b", ")
    else:
        content += b"\n\n"
    path.write_bytes(content)
    found = everything(ingest(path))
    assert found.total() == NUMBER
    assert {label for _, label in found} == {b"cat", b"dog"}


def test_a_quoted_cell_may_hold_commas_and_line_breaks(rows, photos, ingest):
    name = 'a, "b"\nc'
    (photos / "images/0").rename(photos / "images" / name)
    rows[0]["path"] = f"images/{name}"
    rows[0]["note"] = "first\r\nsecond"
    assert everything(ingest(write(photos / "labels.csv", rows))).total() == NUMBER


def test_what_is_left_out_is_counted_and_named(rows, photos, ingest):
    (photos / "images/1").unlink()
    (photos / "images/2").write_bytes(b"")
    (photos / "images/3").write_bytes((photos / "images/3").read_bytes()[:40])
    shutil.copy(photos / "images/4", photos / "images/5")
    rows[6]["label"] = ""
    rows.append(rows[7])
    examples = ingest(write(photos / "labels.csv", rows))

    assert everything(examples).total() == NUMBER - 4
    assert said(examples) == (
        f"{NUMBER - 4} examples in 3 splits; "
        "warning: 1 broken image left out (images/3); "
        "warning: 1 empty file left out (images/2); "
        "warning: 1 missing file left out (images/1); "
        "warning: 1 row without a label left out (line 8); "
        "1 repeated row left out (line 122); "
        "warning: 1 duplicate with another class kept (images/5)"
    )


@pytest.mark.parametrize("path", ["images/" + "x" * 300, "images/0/inside"])
def test_a_path_that_no_file_can_have_is_a_missing_file(path, rows, photos, ingest):
    rows[6]["path"] = path
    assert "warning: 1 missing file left out (images/" in said(
        ingest(write(photos / "l.csv", rows))
    )


def test_a_beam_runner_writes_the_same_shards(rows, photos, ingest):
    def content(examples):
        return {file.name: file.read_bytes() for file in Path(examples.uri).rglob("data_*")}

    path = write(photos / "masks.csv", with_masks(rows))
    here = content(ingest(path, features=MASKS))
    assert here
    runner = ["--direct_running_mode=multi_threading"]
    assert content(ingest(path, runner, features=MASKS)) == here
