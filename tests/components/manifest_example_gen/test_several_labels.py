"""Manifests whose images have any number of classes."""

from pathlib import Path

import pytest

from components.examples.reading import read_examples
from failures import Failure
from tests.components.manifest_example_gen.conftest import with_splits, write
from tests.components.source_images import said

SEVERAL = {"multi_label": True}
CLASSES = [["cat", "dog"], ["dog"], [], ["owl", "cat", "cat"]]


def labels_of(examples) -> dict[bytes, list[bytes]]:
    """The labels of each image."""
    return {
        example["image"][0]: example["label"]
        for split in ("train", "validation", "test")
        for example in read_examples(Path(examples.uri), split)
    }


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_every_image_has_its_labels_once_each_and_sorted(suffix, rows, photos, ingest, many_images):
    given = [CLASSES[number % 4] for number in range(len(rows))]
    if suffix == "csv":  # A separator alone is an image without a class.
        given = [" ; ".join(names) or ";" for names in given]
    table = [row | {"label": label} for row, label in zip(rows, given, strict=True)]
    keys = {"label_separator": ";"} if suffix == "csv" else {}
    examples = ingest(write(photos / f"labels.{suffix}", table), features=SEVERAL, **keys)
    expected = {
        content: [name.encode() for name in sorted(set(CLASSES[number % 4]))]
        for number, content in enumerate(many_images)
    }
    assert labels_of(examples) == expected


def test_the_format_of_the_manifest_does_not_show_in_the_fingerprint(rows, photos, ingest):
    texts = [row | {"label": "cat;dog" if n % 2 else "owl"} for n, row in enumerate(rows)]
    lists = [row | {"label": ["dog", "cat"] if n % 2 else ["owl"]} for n, row in enumerate(rows)]
    of_texts = ingest(write(photos / "a.csv", texts), features=SEVERAL, label_separator=";")
    of_lists = ingest(write(photos / "b.jsonl", lists), features=SEVERAL)
    assert said(of_texts, "fingerprint") == said(of_lists, "fingerprint")


def test_labels_may_be_whole_numbers_and_a_single_text(rows, photos, ingest):
    table = [row | {"label": [3, 10] if n % 2 else "cat"} for n, row in enumerate(rows)]
    examples = ingest(write(photos / "labels.jsonl", table), features=SEVERAL)
    assert {tuple(labels) for labels in labels_of(examples).values()} == {
        (b"10", b"3"), (b"cat",),
    }  # fmt: skip


def test_rows_without_a_label_are_left_out_and_counted(rows, photos, ingest):
    table = [row | {"label": ["cat"] if n % 2 else ["dog"]} for n, row in enumerate(rows)]
    table[3]["label"] = None
    table[5]["label"] = ""
    examples = ingest(write(photos / "labels.jsonl", table), features=SEVERAL)
    assert "warning: 2 rows without labels left out (line 4, line 6)" in said(examples)


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ([1.5], "given [1.5]; allowed: a list of texts or whole numbers"),
        ({"cat": 1}, "allowed: a list of texts or whole numbers"),
        ([["cat"]], "allowed: a list of texts or whole numbers"),
        (True, "given True; allowed: a list of texts or whole numbers"),
    ],
)
def test_a_cell_that_is_no_list_of_labels_is_reported_with_its_line(
    label, expected, rows, photos, ingest
):
    rows[4]["label"] = label
    with pytest.raises(Failure) as reported:
        ingest(write(photos / "labels.jsonl", rows), features=SEVERAL)
    assert "line 5: column 'label': given" in str(reported.value)
    assert expected in str(reported.value)


def test_the_name_of_a_class_is_printable(rows, photos, ingest):
    table = [row | {"label": ["cat", "a\nb"]} for row in rows]
    with pytest.raises(Failure, match="has a character that is not"):
        ingest(write(photos / "labels.jsonl", table), features=SEVERAL)


def test_a_class_of_a_single_image_stops_no_run_in_whichever_split_it_is(rows, photos, ingest):
    for number, split in ((0, "train"), (19, "test")):
        table = [row | {"label": ["cat"] if n % 2 else ["dog"]} for n, row in enumerate(rows)]
        table = with_splits(table)
        assert table[number]["split"] == split
        table[number]["label"] = ["cat", "owl"]
        examples = ingest(write(photos / f"{split}.jsonl", table), features=SEVERAL)
        assert [b"cat", b"owl"] in labels_of(examples).values()
