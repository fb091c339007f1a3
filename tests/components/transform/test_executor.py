"""Transform through its executor: what it writes, and that serving gives the same."""

import json
import os
import random
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from tfx.types import standard_artifacts

from components.failure import Failure


def raw_examples(make, count, seed, labels=(2, 10, 7), channels=1, image_format="PNG"):
    """Pictures of many sizes: serialized examples, labels in turn."""
    sizes = random.Random(seed)
    records = []
    for i in range(count):
        pixels = make.picture(sizes.randint(5, 30), sizes.randint(5, 30), channels, seed + i)
        encoded = make.encode(pixels, image_format)
        records.append(make.example(encoded, labels[i % len(labels)]))
    return records


def serve(transformed, records, label_type=tf.int64):
    """Images and labels as a model's signature makes them with the graph's own layer."""
    layer = transformed.output.transform_features_layer()
    spec = {
        "image": tf.io.FixedLenFeature([], tf.string),
        "label": tf.io.FixedLenFeature([], label_type),
    }
    outputs = layer(tf.io.parse_example(tf.constant(records), spec))
    return list(zip(outputs["image"].numpy(), outputs["label"].numpy(), strict=True))


@pytest.fixture(scope="module")
def splits(make):
    return {
        "train": raw_examples(make, 31, seed=0),
        "validation": raw_examples(make, 6, seed=100, image_format="JPEG"),
        "test": raw_examples(make, 9, seed=200, labels=(10, 3, 2)),
    }


@pytest.fixture(scope="module")
def transformed(module_workplace, splits):
    return module_workplace.run(module_workplace.raw(splits))


def in_file_order(records, files=2):
    return [record for i in range(files) for record in records[i::files]]


def test_every_example_of_every_split_is_transformed_in_its_order(transformed, splits):
    for split, records in splits.items():
        assert transformed.split(split) == serve(transformed, in_file_order(records))
    assert transformed.property("counts") == {"train": 31, "validation": 6, "test": 9}
    assert transformed.property("dropped") == {"train": 0, "validation": 0, "test": 0}


def test_images_are_raw_bytes_of_the_configured_size(transformed):
    assert {len(image) for image, _ in transformed.split("train")} == {8 * 6}


def test_labels_are_numbered_as_their_ids_rise_and_unknown_ones_are_minus_one(transformed):
    assert transformed.labels == ["2", "7", "10"]
    assert [label for _, label in transformed.split("train")[:3]] == [0, 1, 2]
    assert {label for _, label in transformed.split("test")} == {0, 2, -1}
    assert transformed.property("out_of_vocabulary") == {"train": 0, "validation": 0, "test": 3}


def test_pixel_statistics_are_those_of_the_training_split_alone(transformed):
    images = [np.frombuffer(image, np.uint8) for image, _ in transformed.split("train")]
    np.testing.assert_allclose(transformed.pixel_statistics["mean"], [np.mean(images)])
    np.testing.assert_allclose(transformed.pixel_statistics["std"], [np.std(images)])


def test_the_graph_describes_its_features(transformed):
    output = transformed.output
    assert output.transformed_feature_spec() == {
        "image": tf.io.FixedLenFeature([], tf.string),
        "label": tf.io.FixedLenFeature([], tf.int64),
    }
    assert output.raw_feature_spec() == output.transformed_feature_spec()
    assert output.vocabulary_size_by_name("labels") == 3
    domain = output.transformed_domains()["label"]
    assert (domain.min, domain.max) == (-1, 2)


def test_the_artifacts_say_what_they_are(transformed):
    assert transformed.property("summary") == (
        "46 images of 8x6x1, 3 classes; 3 with a label that train lacks"
    )
    assert transformed.graph.get_string_custom_property("summary") == "3 classes"
    assert transformed.examples.get_string_custom_property("payload_format") == "FORMAT_TF_EXAMPLE"
    assert transformed.examples.get_string_custom_property("file_format") == "tfrecords"


def test_only_finished_files_are_left(transformed):
    left = os.listdir(transformed.graph.uri)
    assert sorted(left) == [
        "metadata",
        "pixel_statistics.json",
        "transform_fn",
        "transformed_metadata",
    ]
    shards = sorted(os.listdir(f"{transformed.examples.uri}/Split-train"))
    assert shards == [f"transformed_examples-0000{i}-of-00002" for i in range(2)]


def test_the_graph_does_not_need_the_folder_it_was_made_in(workplace, make, tmp_path):
    records = raw_examples(make, 6, seed=0)
    transformed = workplace.run(workplace.raw({"train": records}, files=1))
    images = transformed.split("train")
    moved = standard_artifacts.TransformGraph()
    moved.uri = str(tmp_path / "moved")
    os.rename(transformed.graph.uri, moved.uri)
    assert serve(replace(transformed, graph=moved), records) == images


def test_the_same_input_gives_the_same_bytes(workplace, make):
    raw = workplace.raw({"train": raw_examples(make, 40, seed=3)})
    first, second = workplace.run(raw, to="one"), workplace.run(raw, to="two")
    assert first.split("train") == second.split("train")
    assert first.pixel_statistics == second.pixel_statistics


def test_class_names_replace_the_ids_in_the_order_of_the_dataset(workplace, make):
    names = ["zebra", "ant", "bee"]
    train = raw_examples(make, 8, seed=0, labels=(2, 0, 1))
    test = raw_examples(make, 4, seed=9, labels=(1, -1, 3, 2))
    transformed = workplace.run(
        workplace.raw({"train": train, "test": test}, files=1, class_names=names)
    )
    assert transformed.labels == names
    assert [label for _, label in transformed.split("test")] == [1, -1, -1, 2]


def test_a_class_that_the_training_split_lacks_is_out_of_vocabulary(workplace, make):
    splits = {
        "train": raw_examples(make, 4, seed=0, labels=(2, 0)),
        "test": raw_examples(make, 3, seed=5, labels=(0, 1, 2)),
    }
    raw = workplace.raw(splits, files=1, class_names=["cat", "cow", "dog"])
    transformed = workplace.run(raw)
    assert transformed.labels == ["cat", "dog"]
    assert [label for _, label in transformed.split("test")] == [0, -1, 1]


def test_texts_as_labels_are_numbered_lexicographically(workplace, make):
    train = raw_examples(make, 6, seed=0, labels=("dog", "ant", "ähre"))
    test = raw_examples(make, 2, seed=1, labels=("cow", "dog"))
    transformed = workplace.run(workplace.raw({"train": train, "test": test}), label_type="BYTES")
    assert transformed.labels == ["ant", "dog", "ähre"]
    assert [label for _, label in transformed.split("test")] == [-1, 1]
    assert transformed.split("test") == serve(transformed, test, tf.string)


@pytest.mark.parametrize("aspect", ["stretch", "crop", "pad"])
@pytest.mark.parametrize("image_format", ["PNG", "JPEG"])
def test_training_and_serving_see_the_same_pixels(workplace, make, image_format, aspect):
    records = raw_examples(make, 12, seed=0, channels=3, image_format=image_format)
    transformed = workplace.run(
        workplace.raw({"train": records}, files=1), channels=3, antialias=True, aspect=aspect
    )
    assert transformed.split("train") == serve(transformed, records)
    assert len(transformed.pixel_statistics["mean"]) == 3


def test_more_examples_than_one_batch_holds_keep_their_order(workplace, make):
    records = raw_examples(make, 60, seed=0, labels=tuple(range(60)))
    # Images so large that a batch holds few of them.
    transformed = workplace.run(workplace.raw({"train": records}, files=1), height=512, width=512)
    assert [label for _, label in transformed.split("train")] == list(range(60))


def test_gzipped_examples_are_read_too(workplace, make):
    records = raw_examples(make, 5, seed=0)
    raw = workplace.raw({"train": records}, files=1)
    plain = f"{raw.uri}/Split-train/data_tfrecord-00000-of-00001"
    os.remove(plain)
    with tf.io.TFRecordWriter(f"{plain}.gz", "GZIP") as writer:
        for record in records:
            writer.write(record)
    assert len(workplace.run(raw).split("train")) == 5


# What goes wrong.


def with_corrupt(make, count, at=(), label=1):
    records = raw_examples(make, count, seed=0, labels=(0, 1))
    for position in at:
        records[position] = make.example(b"no picture", label)
    return records


def test_a_corrupt_image_fails_the_run_with_its_place(workplace, make):
    raw = workplace.raw({"train": with_corrupt(make, 20, at=(11, 13))}, files=1)
    with pytest.raises(
        Failure, match=r"record 11 of data_tfrecord-00000-of-00001 in split 'train'"
    ):
        workplace.run(raw)


def test_a_corrupt_image_of_a_later_batch_has_its_place_in_the_file(workplace, make):
    raw = workplace.raw({"train": with_corrupt(make, 40, at=(37,))}, files=1)
    with pytest.raises(Failure, match=r"record 37 of data_tfrecord-00000-of-00001"):
        workplace.run(raw, height=512, width=512)  # 16 of them are a batch


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


def test_more_corrupt_images_than_allowed_fail_the_run(workplace, make):
    raw = workplace.raw({"train": with_corrupt(make, 20, at=(1, 2, 3))})
    with pytest.raises(Failure, match=r"3 corrupt images in split 'train', and max_dropped is 2"):
        workplace.run(raw, on_corrupt_image="drop", max_dropped=2)


def test_a_split_of_nothing_but_corrupt_images_is_empty_unless_it_is_for_training(workplace, make):
    corrupt = [make.example(b"", 0)] * 3
    raw = workplace.raw({"train": with_corrupt(make, 4), "test": corrupt})
    transformed = workplace.run(raw, on_corrupt_image="drop", max_dropped=9)
    assert transformed.split("test") == []
    raw = workplace.raw({"train": corrupt})
    with pytest.raises(Failure, match="no image is left in split 'train'"):
        workplace.run(raw, on_corrupt_image="drop", max_dropped=9, to="again")


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize(
    ("label", "says"),
    [
        (None, "has 0 values of label_feature 'label'"),
        ("one", "has a bytes_list for label_feature 'label', and the schema says int64_list"),
        (0.5, "has a float_list for label_feature 'label', and the schema says int64_list"),
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
    with pytest.raises(Failure, match=r"record 2 of .* is no tf.train.Example"):
        workplace.run(raw)


def test_training_examples_without_a_class_fail_the_run(workplace, make):
    raw = workplace.raw(
        {"train": raw_examples(make, 6, seed=0, labels=(0, 1, -1))}, class_names=["cat", "dog"]
    )
    with pytest.raises(Failure, match=r"2 examples of split 'train' .* labels are from 0 to 1"):
        workplace.run(raw)


@pytest.mark.parametrize(
    ("label", "label_type", "class_names", "says"),
    [
        (-1, "INT", ["cat", "dog"], r"3 examples .* labels are from 0 to 1"),
        ("", "BYTES", None, r"3 examples .* labels are not empty"),
    ],
)
def test_a_training_split_without_any_class_fails_the_run(
    workplace, make, label, label_type, class_names, says
):
    records = raw_examples(make, 3, seed=0, labels=(label,))
    raw = workplace.raw({"train": records}, class_names=class_names)
    with pytest.raises(Failure, match=says):
        workplace.run(raw, label_type=label_type)


def test_a_label_that_is_no_text_is_refused(workplace, make):
    record = tf.train.Example.FromString(make.example(make.encode(make.picture()), "café"))
    record.features.feature["label"].bytes_list.value[0] = "café".encode("latin-1")
    raw = workplace.raw({"train": [record.SerializeToString()] * 2})
    with pytest.raises(Failure, match="label 'caf\\\\xe9' is no text in UTF-8"):
        workplace.run(raw, label_type="BYTES")


def test_a_class_of_which_only_corrupt_images_are_known_is_no_class(workplace, make):
    splits = {
        "train": [*raw_examples(make, 6, seed=0, labels=(2, 7)), make.example(b"no picture", 3)],
        "test": raw_examples(make, 3, seed=9, labels=(2, 3, 7)),
    }
    raw = workplace.raw(splits, files=1)
    transformed = workplace.run(raw, on_corrupt_image="drop", max_dropped=1)
    assert transformed.labels == ["2", "7"]
    assert [label for _, label in transformed.split("train")] == [0, 1] * 3
    assert [label for _, label in transformed.split("test")] == [0, -1, 1]
    assert transformed.split("test") == serve(transformed, splits["test"])
    assert transformed.property("summary") == (
        "9 images of 8x6x1, 2 classes; 1 corrupt dropped; 1 with a label that train lacks"
    )


def test_two_classes_of_one_name_are_refused(workplace, make):
    raw = workplace.raw({"train": with_corrupt(make, 2)}, class_names=["cat", "cat"])
    with pytest.raises(Failure, match="2 classes of the dataset are named 'cat'"):
        workplace.run(raw)


def test_a_truncated_file_is_named(workplace, make):
    raw = workplace.raw({"train": with_corrupt(make, 9)}, files=1)
    path = f"{raw.uri}/Split-train/data_tfrecord-00000-of-00001"
    os.truncate(path, os.path.getsize(path) - 10)
    with pytest.raises(
        Failure, match=r"cannot read .*Split-train.* beyond record 8: truncated record"
    ):
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


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"height": 0}, "preprocessing.height is 0. Allowed: a whole number of at least 1."),
        ({"channels": 2}, "preprocessing.channels is 2. Allowed: 1, 3."),
        ({"resize": "lanczos"}, "Allowed: bilinear, area, nearest."),
        ({"on_corrupt_image": "ignore"}, "Allowed: fail, drop."),
        ({"max_dropped": -1}, "preprocessing.max_dropped is -1."),
        ({"hight": 8}, "preprocessing has no key 'hight'"),
    ],
)
def test_a_wrong_option_is_refused(workplace, make, given, says):
    raw = workplace.raw({"train": with_corrupt(make, 2)})
    with pytest.raises(Failure) as raised:
        workplace.run(raw, **given)
    assert says in str(raised.value)
