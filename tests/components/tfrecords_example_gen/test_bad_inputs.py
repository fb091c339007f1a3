"""Each bad file is one clear line, and nothing is left half-written."""

import gzip
import shutil

import pytest

from failures import Failure
from files import tfrecords
from tests.components.tfrecords_example_gen.conftest import record_of, write

GOOD = {"image": b"\x89PNG", "label": "cat", "number": 1}
INT = {"label_feature": "number"}


def with_record(**changes):
    """One more record in test.tfrecord, with other features than a good one."""

    def spoil(folder):
        values = {name: value for name, value in (GOOD | changes).items() if value is not None}
        file = folder / "test.tfrecord"
        file.write_bytes(file.read_bytes() + tfrecords.frame(record_of(**values)))

    return spoil


def of_bytes(edit, name="test.tfrecord"):
    def spoil(folder):
        file = folder / name
        content = file.read_bytes()
        if name.endswith(".gz"):
            content = gzip.decompress(content)
        file.write_bytes(edit(content))

    return spoil


def same(folder):
    pass


def a_file(folder):
    shutil.rmtree(folder)
    folder.write_bytes(b"")


def no_files(folder):
    shutil.rmtree(folder)
    folder.mkdir()


def other_names(folder):
    for file in folder.iterdir():
        file.rename(folder / f"part-{file.name[:3]}")


def labels_of_two_kinds(folder):
    records = [record_of(image=bytes([number]), label=number % 2) for number in range(9)]
    write(folder / "train.tfrecord", records)


def weights_of_two_kinds(folder):
    records = [record_of(image=bytes([number]), label="cat", number=0.5) for number in range(9)]
    write(folder / "train.tfrecord", records)


def weight_of(weight):
    def spoil(folder):
        values = GOOD | {"number": weight}
        write(folder / "test.tfrecord", [record_of(**values)])

    return spoil


def empty_test(folder):
    write(folder / "test.tfrecord", [])


def no_test(folder):
    (folder / "test.tfrecord").unlink()


def one_class(folder):
    no_files(folder)
    write(folder / "a.tfrecord", [record_of(image=bytes([n]), label="cat") for n in range(90)])


def a_class_of_one_image(folder):
    with_record(label="bird")(folder)


NOTHING = {}
PACKED = "val.tfrecord.gz"
IN_TWO = {"splits": {"train": "t*", "test": "test*"}}
BY_FILES = {"splits": {"train": "train*", "test": "test*"}}
MISTYPED = {"splits": {"train": "train*", "test": "tets*"}}
MASKS = {"mask_feature": "segments", "mask_classes": {"a": 0, "b": 1}}
WEIGHTS = {"weight_feature": "number"}
HAS = "It has: image (bytes), label (bytes), number (int64)."


@pytest.mark.parametrize(
    ("spoil", "keys", "features", "expected"),
    [
        (shutil.rmtree, NOTHING, {}, "records: there is no such folder. Correct data.path."),
        (a_file, NOTHING, {}, "records: there is no such folder. Correct data.path."),
        (no_files, NOTHING, {}, "no file matches '**/*tfrecord*' (data.files). There are: no fil"),
        (other_names, NOTHING, {}, "There are: part-tes, part-tra, part-val. Correct data.path"),
        (other_names, BY_FILES, {}, "no file matches 'train*' (data.splits.train)"),
        (same, IN_TWO, {}, "test.tfrecord is a file of the splits train and test. Give each"),
        (with_record(image=None), NOTHING, {}, "feature 'image' is missing. It has: label (bytes"),
        (same, NOTHING, {"image_feature": "image/encoded"}, "'image/encoded' is missing. It has"),
        (same, NOTHING, {"label_feature": "lable"}, "'lable' is missing. It has: image (bytes), "),
        (same, NOTHING, MASKS, "feature 'segments' is missing. It has: image (bytes), label (by"),
        (same, NOTHING, {"image_feature": "sizes"}, "feature 'sizes' has 2 values instead of one"),
        (with_record(image=7), NOTHING, {}, "feature 'image' is int64 instead of bytes. It has: "),
        (with_record(label=7), NOTHING, {}, "record 20 (byte "),
        (with_record(label=0.5), NOTHING, {}, "feature 'label' is float instead of bytes. It has"),
        (with_record(label=["a", "b"]), NOTHING, {}, f"'label' has 2 values instead of one. {HAS}"),
        (with_record(label=[]), NOTHING, {}, "feature 'label' has 0 values instead of one. It has"),
        (with_record(label=""), NOTHING, {}, f"'label' holds no printable text. {HAS}"),
        (with_record(label=b"\xff"), NOTHING, {}, "feature 'label' holds no printable text. It"),
        (labels_of_two_kinds, NOTHING, {}, "Feature 'label' is bytes in "),
        (with_record(number=2), {"class_names": ["a", "b"]}, INT, "label 2 is not one of the 2 da"),
        (with_record(number=-1), {"class_names": ["a", "b"]}, INT, "which stand for 0 to 1. Name"),
        (same, {"class_names": ["a", "b"]}, {}, "are names of whole numbers. Leave data.class_n"),
        (with_record(number=None), NOTHING, WEIGHTS, "feature 'number' is missing. It has: image"),
        (with_record(number=-1), NOTHING, WEIGHTS, "is -1 instead of a number of 0 or more. It ha"),
        (weight_of(float("nan")), NOTHING, WEIGHTS, "feature 'number' is nan instead of a number"),
        (weight_of(float("inf")), NOTHING, WEIGHTS, "feature 'number' is inf instead of a number"),
        (weight_of([0.5, 1.0]), NOTHING, WEIGHTS, "'number' has 2 values instead of one. It has:"),
        (weight_of("much"), NOTHING, WEIGHTS, "'number' is bytes instead of int64 or float. It"),
        (with_record(number=0.5), NOTHING, WEIGHTS, "feature 'number' is float instead of int64."),
        (weights_of_two_kinds, NOTHING, WEIGHTS, "Feature 'number' is float in "),
        (no_test, BY_FILES, {}, "no file matches 'test*' (data.splits.test). There are: train.tf"),
        (of_bytes(lambda b: b[:-3]), MISTYPED, {}, "no file matches 'tets*' (data.splits.test). T"),
        (empty_test, BY_FILES, {}, "split test gets none of the 80 examples. Add exampl"),
        (one_class, NOTHING, {}, "has one class only, cat. Add examples of another class."),
        (a_class_of_one_image, BY_FILES, {}, "split train has no example of class bird. Add exam"),
        (of_bytes(lambda b: b[:-3]), NOTHING, {}, "test.tfrecord is damaged at record 19 (byte "),
        (of_bytes(lambda b: b[:5]), NOTHING, {}, "damaged at record 0 (byte 0): the file ends wi"),
        (of_bytes(lambda b: b"#" + b), NOTHING, {}, "at record 0 (byte 0): the checksum of its le"),
        (of_bytes(lambda b: b[:40] + b"\0\0" + b[42:]), NOTHING, {}, "the checksum of its data d"),
        (of_bytes(lambda b: gzip.compress(b)[:-20], PACKED), NOTHING, {}, "val.tfrecord.gz is dam"),
        (of_bytes(lambda b: tfrecords.frame(b"\xff" * 9)), NOTHING, {}, "record 0 (byte 0): not a"),
    ],
)  # fmt: skip
def test_a_bad_file_is_one_line_and_nothing_is_written(
    spoil, keys, features, expected, folder, ingest, tmp_path
):
    spoil(folder)
    with pytest.raises(Failure) as refused:
        ingest(folder, features=features, **keys)
    assert expected in str(refused.value)
    assert str(folder) in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1
    assert not list((tmp_path / "examples").rglob("*"))


def test_a_file_that_changes_after_the_driver_saw_it_is_refused(folder, ingest):
    with pytest.raises(Failure, match="records changed while it was read"):
        ingest(folder, fingerprint="0" * 64)


def test_a_file_that_changes_while_it_is_read_leaves_no_shard(
    folder, ingest, tmp_path, monkeypatch, many_records
):
    from components.tfrecords_example_gen import component

    read = component.contents.read

    def read_and_spoil(*given):
        found = read(*given)
        write(folder / "test.tfrecord", many_records[20:40])
        return found

    monkeypatch.setattr(component.contents, "read", read_and_spoil)
    with pytest.raises(Failure, match=r"test\.tfrecord changed while it was read"):
        ingest(folder)
    assert not list((tmp_path / "examples").rglob("*"))
