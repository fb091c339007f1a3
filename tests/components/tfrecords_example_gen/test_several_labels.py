"""TFRecords whose Examples have any number of classes."""

from pathlib import Path

import pytest

from components.examples.reading import read_examples
from failures import Failure
from tests.components.tfrecords_example_gen.conftest import record_of, write

SEVERAL = {"multi_label": True}


def records(images, labels) -> list[bytes]:
    pairs = enumerate(images)
    return [record_of(image=image, label=labels[n % len(labels)]) for n, image in pairs]


@pytest.mark.parametrize(
    "labels", [[["cat", "dog"], ["dog"], [], "cat"], [[0, 2], [2], [], 0]], ids=["bytes", "int64"]
)
def test_records_keep_their_lists_of_labels(labels, many_images, tmp_path, ingest):
    folder = write(tmp_path / "records" / "a.tfrecord", records(many_images, labels)).parent
    examples = ingest(folder, features=SEVERAL)
    found = [
        example.get("label", [])
        for split in ("train", "validation", "test")
        for example in read_examples(Path(examples.uri), split)
    ]
    assert {len(one) for one in found} == {0, 1, 2}
    assert len(found) == len(many_images)


def test_every_label_is_one_of_the_named_classes(many_images, tmp_path, ingest):
    folder = write(tmp_path / "records" / "a.tfrecord", records(many_images, [[0, 7], [1]])).parent
    with pytest.raises(Failure, match="label 7 is not one of the 2 data"):
        ingest(folder, features=SEVERAL, class_names=["cat", "dog"])


def test_lists_of_labels_need_multi_label(many_images, tmp_path, ingest):
    folder = write(tmp_path / "records" / "a.tfrecord", records(many_images, [[0, 7]])).parent
    with pytest.raises(Failure, match="has 2 values instead of one"):
        ingest(folder)


def test_a_class_that_one_file_alone_has_stops_no_run(many_images, tmp_path, ingest):
    folder, splits = tmp_path / "records", {"train": "train*", "test": "test*"}
    for name, images, rare in (("train", many_images[:80], 3), ("test", many_images[80:], 4)):
        write(folder / f"{name}.tfrecord", records(images, [[0, 1], [1], [0, rare]]))
    examples = ingest(folder, features=SEVERAL, splits=splits)
    assert [len(list(read_examples(Path(examples.uri), name))) for name in splits] == [80, 40]
