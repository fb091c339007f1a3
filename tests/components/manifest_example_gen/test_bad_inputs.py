"""Each bad manifest is one clear line, and nothing is left half-written."""

import pytest

from failures import Failure
from tests.components.manifest_example_gen.conftest import MASKS, with_masks, with_splits, write


def edited(number, **cells):
    """The manifest with other cells in one row, counted from 0."""

    def spoil(path, rows):
        rows[number] = rows[number] | cells
        write(path, rows)

    return spoil


def _composed(row):
    """The same class in two ways to compose its letters."""
    return {"label": "caf\u00e9" if row["label"] == "cat" else "cafe\u0301"}


def composed(path, rows):
    write(path, [row | _composed(row) for row in rows])


def half_a_character(path, rows):
    write(path, [row | {"group": "\ud83d"} for row in rows])


def every(**cells):
    def spoil(path, rows):
        write(path, [row | cells for row in rows])

    return spoil


def content(data):
    def spoil(path, rows):
        path.write_bytes(data)

    return spoil


def recoded(encoding):
    def spoil(path, rows):
        rows[1]["label"] = "é"
        path.write_bytes(write(path, rows).read_text().encode(encoding))

    return spoil


def added(line):
    def spoil(path, rows):
        with open(write(path, rows), "ab") as file:
            file.write(line)

    return spoil


def nothing(path, rows):
    pass


def a_folder(path, rows):
    path.mkdir()


def other_splits(path, rows):
    write(path, [row | {"split": row["split"].upper()} for row in with_splits(rows)])


def no_test(path, rows):
    write(path, [row | {"split": "train"} for row in rows])


def times(first, second):
    def spoil(path, rows):
        write(path, [rows[0] | {"time": first}, *(row | {"time": second} for row in rows[1:])])

    return spoil


def no_group(path, rows):
    write(path, [row | {"group": "a" if number else ""} for number, row in enumerate(rows)])


def a_class_of_one_image(path, rows):
    edited(0, label="bird")(path, rows)


def no_files(path, rows):
    write(path, [row | {"path": "gone/" + row["path"]} for row in rows])


def tables_instead_of_images(path, rows):
    write(path, [row | {"path": f"labels.csv/../{path.name}"} for row in rows[:1]])


def no_masks(path, rows):
    write(path, [row | {"mask": "masks/none.png"} for row in with_masks(rows)])


def two_columns_of_a_name(path, rows):
    path.write_text("path,label,label\nimages/0,cat,dog\n")


TIME, GROUP, SPLIT = {"split_by": "time"}, {"split_by": "group"}, {"split_by": "split"}
WEIGHT = {"columns": {"weight": "weight"}}
MISTYPED = {"splits": {"train": "train", "test": "tset"}}


@pytest.mark.parametrize(
    ("name", "spoil", "keys", "expected"),
    [
        ("a.csv", nothing, {}, "there is no such file. Correct data.path."),
        ("a.csv", a_folder, {}, "a.csv cannot be read: Is a directory."),
        ("a.csv", content(b""), {}, "a.csv is empty."),
        ("a.jsonl", content(b"\n"), {}, "a.jsonl is empty."),
        ("a.csv", content(b"path,label\n"), {}, "a.csv: it has no rows."),
        ("a.csv", recoded("utf-16"), {}, "a.csv is UTF-16. Save it as UTF-8"),
        ("a.csv", recoded("utf-32"), {}, "a.csv is UTF-32. Save it as UTF-8"),
        ("a.csv", recoded("latin-1"), {}, "a.csv, line 3: not UTF-8 text (byte 10 of the line)"),
        ("a.csv", content(b"path;label\na;b\n"), {}, "columns are separated by ';'"),
        ("a.csv", content(b"path\tlabel\na\tb\n"), {}, r"columns are separated by '\t'"),
        ("a.csv", two_columns_of_a_name, {}, "two columns are called 'label'"),
        ("a.csv", added(b"images/1\n"), {}, "line 122: 1 cells, and there are 2 columns."),
        ("a.csv", added(b'"images/1,cat\n'), {}, "line 122: not valid CSV: unexpected end"),
        ("a.csv", content(b"path,label\ra,cat\r"), {}, "line 1: not valid CSV: a line ends with"),
        ("a.csv", added(b"images/1\x00,cat\n"), {}, r"'path': given 'images/1\x00'; a"),
        ("a.jsonl", added(b'{"path": \n'), {}, "line 121: not valid JSON: Expecting value"),
        ("a.jsonl", added(b"[1, 2]\n"), {}, "line 121: not a JSON object, as in"),
        ("a.jsonl", edited(4, label=1.5), {}, "line 5: column 'label': given 1.5; allowed: a text"),
        ("a.jsonl", edited(4, path=5), {}, "line 5: column 'path': given 5; allowed: a path."),
        ("a.parquet", content(b"PAR1"), {}, "a.parquet is not a whole Parquet file: "),
        ("a.parquet", every(label=0.5), {}, "row 1: column 'label': given 0.5; allowed: a text or"),
        ("a.csv", every(x=1), {"columns": {"label": "lable"}}, "label, x; did you mean label?"),
        ("a.csv", every(x=1), {"columns": {"path": "file"}}, "has no column 'file' (data.columns"),
        ("a.csv", every(), SPLIT, "has no column 'split' (data.columns.split)"),
        ("a.csv", every(), GROUP, "has no column 'group' (data.columns.group)"),
        ("a.csv", every(), TIME, "has no column 'time' (data.columns.time)"),
        ("a.csv", every(), MASKS, "has no column 'mask' (data.columns.mask)"),
        ("a.csv", every(), WEIGHT, "has no column 'weight' (data.columns.weight)"),
        ("a.csv", edited(2, path=""), {}, "line 4: column 'path': given ''; allowed: a path."),
        ("a.csv", edited(2, path="a\\b.jpg"), {}, "allowed: a path with slashes, as images/7.jpg."),
        ("a.csv", edited(2, path="../x"), {}, "given '../x'; allowed: a path below "),
        ("a.csv", edited(2, path="/etc/x"), {}, "given '/etc/x'; allowed: a path below "),
        ("a.csv", every(label=""), {}, "all 120 rows lack a label."),
        ("a.csv", every(label="cat"), {}, "has one class only, cat."),
        ("a.csv", edited(0, label="a\nb"), {}, "the class a?b has a character that is not"),
        ("a.csv", edited(0, label="cat "), {}, "two classes look the same, 'cat' and 'cat ': they"),
        ("a.csv", composed, {}, r"two classes look the same, 'cafe\u0301' and 'caf\xe9': they"),
        ("a.jsonl", every(path="\ud83d"), {}, r"column 'path': given '\ud83d'; allowed: a path."),
        ("a.jsonl", half_a_character, {}, r"column 'group': given '\ud83d'; allowed: a text of w"),
        ("a.jsonl", added(b'{"label": %s}' % (5000 * b"1")), {}, "not valid JSON: Exceeds the lim"),
        ("a.jsonl", added(100_000 * b"["), {}, "not valid JSON: it is nested too deeply."),
        ("a.csv", a_class_of_one_image, {}, "class bird. Add images of it, remove its rows"),
        ("a.csv", no_files, {}, "none of its 120 images is in "),
        ("a.csv", tables_instead_of_images, {}, "none of its 1 files is a whole image"),
        ("a.csv", no_masks, MASKS, "none of its 120 images has a whole mask, such as images/0."),
        ("a.csv", other_splits, {}, "120 rows have a split that is not one of train, validation"),
        ("a.csv", no_test, {}, "no row has the split 'test' (test). There are: 'train'."),
        ("a.csv", no_test, MISTYPED, "no row has the split 'tset' (test). There are: 'train'."),
        ("a.csv", no_group, {}, "line 2: column 'group': given ''; allowed: a group for every"),
        ("a.csv", every(time="noon"), TIME, "line 2: column 'time': given 'noon'; allowed: an ISO"),
        ("a.csv", every(time="nan"), TIME, "column 'time': given 'nan'; allowed: an ISO 8601"),
        ("a.csv", times("2026-01-01", "7"), TIME, "line 3: column 'time': given '7'; allowed: a t"),
        (
            "a.csv",
            times("2026-01-01", "2026-01-01T00:00Z"),
            TIME,
            "allowed: a time without a zone, as in the rows above.",
        ),
        ("a.csv", every(time="2026-01-01"), TIME, "split validation gets none of the 120 images."),
        ("a.csv", every(weight="nan"), WEIGHT, "column 'weight': given 'nan'; allowed: a number"),
        ("a.csv", every(weight=-1), WEIGHT, "column 'weight': given '-1'; allowed: a number of 0"),
        ("a.csv", every(weight="1e300"), WEIGHT, "'1e300'; allowed: a number of 0 or more, up to"),
        ("a.csv", every(weight=""), WEIGHT, "column 'weight': given ''; allowed: a number of 0"),
        ("a.parquet", every(weight=float("nan")), WEIGHT, "row 1: column 'weight': given nan;"),
    ],
)  # fmt: skip
def test_a_bad_manifest_is_one_line_and_nothing_is_written(
    name, spoil, keys, expected, rows, photos, ingest, tmp_path
):
    path = photos / name
    spoil(path, rows)
    features = keys if keys is MASKS else None
    with pytest.raises(Failure) as refused:
        ingest(path, features=features, **({} if features else keys))
    assert expected in str(refused.value)
    assert str(path) in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1
    assert not list((tmp_path / "examples").rglob("*"))


def test_a_manifest_that_changes_after_the_driver_saw_it_is_refused(rows, photos, ingest):
    path = write(photos / "labels.csv", rows)
    with pytest.raises(Failure, match=r"labels\.csv changed while it was read"):
        ingest(path, fingerprint="0" * 64)


def test_an_image_that_changes_while_it_is_read_leaves_no_shard(
    rows, photos, ingest, tmp_path, monkeypatch
):
    from components.manifest_example_gen import component

    read = component.contents.read

    def read_and_spoil(*given):
        found = read(*given)
        (photos / "images/2").write_bytes((photos / "images/4").read_bytes())
        return found

    monkeypatch.setattr(component.contents, "read", read_and_spoil)
    with pytest.raises(Failure, match="photos/images/2 changed while it was read"):
        ingest(write(photos / "labels.csv", rows))
    assert not list((tmp_path / "examples").rglob("*"))
