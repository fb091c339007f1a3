"""What Transform cannot use: dropped, or told in one line."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from components.examples.describing import describe
from components.examples.reading import CLASS_NAMES
from failures import Failure
from tests.components.pictures import png_of_a_damaged_text
from tests.components.transform.conftest import raw_examples, serve


def with_corrupt(make, count, at=(), label=1):
    records = raw_examples(count, seed=0, labels=(0, 1))
    for position in at:
        records[position] = make.example(b"no picture", label)
    return records


@pytest.mark.slow
def test_a_corrupt_image_fails_the_run_with_its_place_in_the_file(workplace, make):
    raw = workplace.raw({"train": with_corrupt(make, 20, at=(18, 19))}, files=1)
    place = r"record 18 of data_tfrecord-00000-of-00001 in split 'train'"
    with pytest.raises(Failure, match=place):
        workplace.run(raw, height=512, width=512)  # 16 of them are a batch


@pytest.mark.slow
def test_corrupt_images_are_dropped_and_counted(workplace, make):
    splits = {
        "train": with_corrupt(make, 20, at=(0, 5, 19)),
        "test": [*with_corrupt(make, 4), make.example(None, 1)],
    }
    raw = workplace.raw(splits)
    transformed = workplace.run(raw, on_corrupt_image="drop", max_dropped=3)
    assert transformed.property("dropped") == {"train": 3, "test": 1}
    assert transformed.property("counts") == {"train": 17, "test": 4}
    assert "4 corrupt dropped" in transformed.property("summary")
    kept = [record for i, record in enumerate(splits["train"]) if i not in (0, 5, 19)]
    expected = serve(transformed, kept)
    assert sorted(transformed.split("train")) == sorted(expected)
    pixels = np.concatenate([np.frombuffer(image, np.uint8) for image, _ in expected])
    np.testing.assert_allclose(transformed.pixel_statistics["mean"], [pixels.mean()])


@pytest.mark.slow
def test_damaged_exif_that_is_not_read_is_kept_beside_a_corrupt_image(workplace, make):
    sound = make.example(png_of_a_damaged_text((9, 9), colour=2), 1)
    raw = workplace.raw({"train": [sound, *with_corrupt(make, 4, at=(0,))]}, files=1)
    transformed = workplace.run(raw, exif_orientation=False, on_corrupt_image="drop", max_dropped=1)
    assert transformed.property("counts") == {"train": 4}


@pytest.mark.slow
def test_more_corrupt_images_than_allowed_fail_the_run(workplace, make):
    raw = workplace.raw({"train": with_corrupt(make, 20, at=(1, 2, 3))})
    with pytest.raises(Failure, match=r"3 corrupt images in split 'train', and max_dropped is 2"):
        workplace.run(raw, on_corrupt_image="drop", max_dropped=2)


@pytest.mark.slow
def test_a_split_of_nothing_but_corrupt_images_is_empty_unless_it_is_for_training(workplace, make):
    corrupt = [make.example(b"", 0)] * 3
    raw = workplace.raw({"train": with_corrupt(make, 4), "test": corrupt})
    transformed = workplace.run(raw, on_corrupt_image="drop", max_dropped=9)
    assert transformed.split("test") == []
    raw = workplace.raw({"train": corrupt})
    with pytest.raises(Failure, match="no image is left in split 'train'"):
        workplace.run(raw, on_corrupt_image="drop", max_dropped=9, to="again")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("split", "label", "says"),
    [
        ("train", None, "has 0 values of label_feature 'label'"),
        ("train", "one", "has a bytes_list for label_feature 'label', and the schema says int64"),
        ("test", 0.5, "has a float_list for label_feature 'label', and the schema says int64_list"),
    ],
)
def test_a_missing_or_wrong_label_fails_with_its_place(workplace, make, split, label, says):
    splits = {"train": with_corrupt(make, 5), "test": with_corrupt(make, 5)}
    splits[split][3] = make.example(make.encode(make.picture()), label)
    with pytest.raises(Failure, match="record 3 of data_tfrecord") as raised:
        workplace.run(workplace.raw(splits, files=1))
    assert says in str(raised.value)
    assert f"split {split!r}" in str(raised.value)


def test_a_record_that_is_no_example_fails_with_its_place(workplace, make):
    raw = workplace.raw({"train": [*with_corrupt(make, 2), b"\xff\xff"]}, files=1)
    with pytest.raises(Failure, match=r"record 2 of .* is not a tf.train.Example"):
        workplace.run(raw)


@pytest.mark.slow
def test_training_examples_without_a_class_fail_the_run(workplace):
    raw = workplace.raw(
        {"train": raw_examples(6, seed=0, labels=(0, 1, -1))}, class_names=["cat", "dog"]
    )
    with pytest.raises(Failure, match=r"2 examples of split 'train' .* labels are from 0 to 1"):
        workplace.run(raw)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("label", "label_type", "class_names", "says"),
    [
        (-1, "INT", ["cat", "dog"], r"3 examples .* labels are from 0 to 1"),
        ("", "BYTES", None, r"3 examples .* labels are not empty"),
    ],
)
def test_a_training_split_without_any_class_fails_the_run(
    workplace, label, label_type, class_names, says
):
    records = raw_examples(3, seed=0, labels=(label,))
    raw = workplace.raw({"train": records}, class_names=class_names)
    with pytest.raises(Failure, match=says):
        workplace.run(raw, label_type=label_type)


def test_a_label_that_is_no_text_is_refused(workplace, make):
    record = tf.train.Example.FromString(make.example(make.encode(make.picture()), "café"))
    record.features.feature["label"].bytes_list.value[0] = "café".encode("latin-1")
    raw = workplace.raw({"train": [record.SerializeToString()] * 2})
    with pytest.raises(Failure, match="label 'caf\\\\xe9' is not UTF-8"):
        workplace.run(raw, label_type="BYTES")


@pytest.mark.slow
def test_a_class_of_which_only_corrupt_images_are_known_is_no_class(workplace, make):
    splits = {
        "train": [*raw_examples(6, seed=0, labels=(2, 7)), make.example(b"no picture", 3)],
        "test": raw_examples(3, seed=9, labels=(2, 3, 7)),
    }
    raw = workplace.raw(splits, files=1)
    transformed = workplace.run(raw, on_corrupt_image="drop", max_dropped=1)
    assert transformed.labels == ["2", "7"]
    assert [label for _, label in transformed.split("train")] == [0, 1] * 3
    assert [label for _, label in transformed.split("test")] == [0, -1, 1]
    assert transformed.split("test") == serve(transformed, splits["test"])
    assert transformed.property("summary") == (
        "9 images of 8x9x1, 2 classes; 1 corrupt dropped (1 not a JPEG, PNG, GIF, BMP or WebP); "
        "1 with a label that train lacks"
    )


def test_two_classes_of_one_name_are_refused(workplace, make):
    raw = workplace.raw({"train": with_corrupt(make, 2)}, class_names=["cat", "cat"])
    with pytest.raises(Failure, match="2 classes of the dataset are named 'cat'"):
        workplace.run(raw)


def test_a_lost_file_of_class_names_is_told_in_one_line(workplace, make):
    raw = workplace.raw({"train": with_corrupt(make, 2)})
    names = {"label": ["cat", "dog"]}
    describe(raw, dataset="d", fingerprint="f", counts={"train": 2}, span=0, class_names=names)
    Path(raw.uri, CLASS_NAMES).unlink()
    with pytest.raises(Failure) as raised:
        workplace.run(raw)
    assert str(raised.value) == (
        f"Transform: {raw.uri}/class_names.json is lost, and the classes' names with it. Restore "
        f"it, or delete {raw.uri}, then run again."
    )


def test_a_truncated_file_is_named(workplace, make):
    raw = workplace.raw({"train": with_corrupt(make, 9)}, files=1)
    path = f"{raw.uri}/Split-train/data_tfrecord-00000-of-00001"
    os.truncate(path, os.path.getsize(path) - 10)
    with pytest.raises(
        Failure, match=r"Split-train.* is damaged at record 8 .*the file ends within it"
    ):
        workplace.run(raw)


@pytest.mark.slow
def test_a_file_that_is_gone_is_noticed_by_the_number_of_examples(workplace, make):
    raw = workplace.raw({"train": raw_examples(6, 0)})
    raw.set_string_custom_property("counts", '{"train": 6}')
    Path(raw.uri, "Split-train", "data_tfrecord-00001-of-00002").unlink()
    with pytest.raises(Failure, match=r"^Transform: .* wrote 6 ex.* split 'train', and 3 were"):
        workplace.run(raw)


@pytest.mark.parametrize(
    ("types", "says"),
    [
        ({"image": "BYTES", "class": "INT"}, "no feature 'label' for label_feature"),
        ({"picture": "BYTES", "label": "INT"}, "They have: label, picture"),
        ({"image": "BYTES", "label": "FLOAT"}, "is of type FLOAT. Allowed: INT, BYTES"),
        ({"image": "INT", "label": "INT"}, "holds numbers, not encoded images"),
    ],
)
def test_a_schema_without_the_features_is_refused(workplace, make, types, says):
    raw = workplace.raw({"train": with_corrupt(make, 2)})
    with pytest.raises(Failure) as raised:
        workplace.run(raw, schema=workplace.schema(**types))
    assert says in str(raised.value)


def test_examples_without_a_training_split_are_refused(workplace, make):
    raw = workplace.raw({"test": with_corrupt(make, 2)})
    with pytest.raises(
        Failure, match="learns from split 'train', and the examples have only: test"
    ):
        workplace.run(raw)


def test_a_split_without_files_is_refused(workplace, make):
    raw = workplace.raw({"train": with_corrupt(make, 2)})
    raw.split_names = json.dumps(["train", "test"])
    with pytest.raises(Failure, match="no file of split 'test'"):
        workplace.run(raw)
