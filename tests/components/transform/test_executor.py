"""Transform through its executor: what it writes, and that serving gives the same."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tfx.types import standard_artifacts

from components.trainer.checkpoints import fingerprint
from components.transform import pixel_statistics
from components.transform.reading import read_class_counts
from failures import Failure
from files import places
from tests import tensorflow_records
from tests.components.transform.conftest import raw_examples, serve
from tests.full_disk import full_disk


@pytest.fixture(scope="module")
def splits():
    return {
        "train": raw_examples(31, seed=0),
        "validation": raw_examples(6, seed=100, image_format="JPEG"),
        "test": raw_examples(9, seed=200, labels=(10, 3, 2)),
    }


@pytest.fixture(scope="module")
def transformed(module_workplace, splits):
    return module_workplace.run(module_workplace.raw(splits))


def in_file_order(records, files=2):
    return [record for i in range(files) for record in records[i::files]]


@pytest.mark.slow
def test_every_example_of_every_split_is_transformed_in_its_order(transformed, splits):
    for split, records in splits.items():
        assert transformed.split(split) == serve(transformed, in_file_order(records))
    assert transformed.property("counts") == {"train": 31, "validation": 6, "test": 9}
    assert transformed.property("dropped") == {"train": 0, "validation": 0, "test": 0}


@pytest.mark.slow
def test_all_records_are_of_one_size(transformed):
    sizes = set()
    for split in ("train", "test"):
        for path in Path(transformed.examples.uri, f"Split-{split}").iterdir():
            sizes |= {len(one) for one in tensorflow_records.records(path)}
    assert len(sizes) == 1  # with labels from -1 to 2


@pytest.mark.slow
def test_images_are_raw_bytes_of_the_configured_size(transformed):
    assert {len(image) for image, _ in transformed.split("train")} == {8 * 9}


def test_weights_that_no_feature_names_are_warned_of(workplace):
    schema = workplace.schema(image="BYTES", label="INT", sample_weight="FLOAT")
    raw = workplace.raw({"train": raw_examples(2, seed=5)}, files=1)
    remark = "all examples weigh the same, as weight_feature does not name their sample_weight"
    assert f"warning: {remark}" in workplace.run(raw, schema=schema).property("summary")


def test_labels_are_numbered_as_their_ids_rise_and_unknown_ones_are_minus_one(transformed):
    assert transformed.labels == ["2", "7", "10"]
    assert [label for _, label in transformed.split("train")[:3]] == [0, 1, 2]
    assert {label for _, label in transformed.split("test")} == {0, 2, -1}
    assert transformed.property("out_of_vocabulary") == {"train": 0, "validation": 0, "test": 3}


def test_pixel_statistics_are_those_of_the_training_split_alone(transformed):
    images = [np.frombuffer(image, np.uint8) for image, _ in transformed.split("train")]
    assert transformed.pixel_statistics["shape"] == [8, 9, 1]
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
        "46 images of 8x9x1, 3 classes; 3 with a label that train lacks"
    )
    assert transformed.graph.get_string_custom_property("summary") == "3 classes"
    assert transformed.examples.get_string_custom_property("payload_format") == "FORMAT_TF_EXAMPLE"
    assert transformed.examples.get_string_custom_property("file_format") == "tfrecords"


def test_only_finished_files_are_left(transformed):
    left = os.listdir(transformed.graph.uri)
    assert sorted(left) == [
        "label_statistics.json",
        "metadata",
        "pixel_statistics.json",
        "transform_fn",
        "transformed_metadata",
    ]
    shards = sorted(os.listdir(f"{transformed.examples.uri}/Split-train"))
    assert shards == [f"transformed_examples-0000{i}-of-00002" for i in range(2)]


@pytest.mark.slow
def test_a_second_run_gives_the_same_bytes_and_its_graph_needs_no_folder_that_it_was_made_in(
    workplace, transformed, splits, tmp_path
):
    again = workplace.run(workplace.raw(splits))
    images = again.split("train")
    assert images == transformed.split("train")
    assert again.pixel_statistics == transformed.pixel_statistics
    moved = standard_artifacts.TransformGraph()
    moved.uri = str(tmp_path / "moved")
    os.rename(again.graph.uri, moved.uri)
    assert serve(replace(again, graph=moved), in_file_order(splits["train"])) == images


@pytest.mark.slow
def test_class_names_replace_the_ids_and_without_a_training_example_they_are_no_class(workplace):
    train = raw_examples(8, seed=0, labels=(3, 0, 1))
    test = raw_examples(5, seed=9, labels=(1, -1, 4, 2, 3))
    names = ["zebra", "ant", "cow", "bee"]  # not sorted
    transformed = workplace.run(
        workplace.raw({"train": train, "test": test}, files=1, class_names=names)
    )
    assert transformed.labels == ["zebra", "ant", "bee"]
    assert [label for _, label in transformed.split("test")] == [1, -1, -1, -1, 2]


@pytest.mark.slow
def test_examples_are_counted_by_class_where_a_name_has_a_line_break_of_unicode(workplace):
    names = ["ant", "bee\u2028\x85", "cow"]
    train = raw_examples(9, seed=0, labels=(0, 1, 1, 2, 2, 2))
    transformed = workplace.run(workplace.raw({"train": train}, class_names=names))
    counted = read_class_counts(transformed.graph.uri)
    assert counted == dict(zip(names, (2, 4, 3), strict=True))


@pytest.mark.slow
def test_texts_as_labels_are_numbered_lexicographically(workplace):
    train = raw_examples(6, seed=0, labels=("dog", "ant", "ähre"))
    test = raw_examples(2, seed=1, labels=("cow", "dog"))
    transformed = workplace.run(workplace.raw({"train": train, "test": test}), label_type="BYTES")
    assert transformed.labels == ["ant", "dog", "ähre"]
    assert [label for _, label in transformed.split("test")] == [-1, 1]
    assert transformed.split("test") == serve(transformed, test, tf.string)


@pytest.mark.slow
@pytest.mark.parametrize("aspect", ["crop", "pad"])  # All other tests have "stretch".
def test_training_and_serving_see_the_same_pixels(workplace, aspect):
    records = raw_examples(6, seed=0, channels=3)
    records += raw_examples(6, seed=6, channels=3, image_format="JPEG")
    transformed = workplace.run(
        workplace.raw({"train": records}, files=1), channels=3, antialias=True, aspect=aspect
    )
    assert transformed.split("train") == serve(transformed, records)
    assert len(transformed.pixel_statistics["mean"]) == 3


@pytest.mark.slow
def test_more_examples_than_one_batch_holds_keep_their_order(workplace):
    records = raw_examples(60, seed=0, labels=tuple(range(60)))
    # Images so large that a batch holds few of them.
    transformed = workplace.run(workplace.raw({"train": records}, files=1), height=512, width=512)
    assert [label for _, label in transformed.split("train")] == list(range(60))


@pytest.mark.slow
def test_gzipped_examples_are_read_too(workplace):
    records = raw_examples(5, seed=0)
    raw = workplace.raw({"train": records}, files=1)
    plain = f"{raw.uri}/Split-train/data_tfrecord-00000-of-00001"
    os.remove(plain)
    with tf.io.TFRecordWriter(f"{plain}.gz", "GZIP") as writer:
        for record in records:
            writer.write(record)
    assert len(workplace.run(raw).split("train")) == 5


@pytest.mark.slow
def test_what_is_written_to_another_file_system_is_the_same(workplace):
    raw = workplace.raw({"train": raw_examples(5, seed=0)})
    here, there = workplace.run(raw), workplace.run(raw, to="ram://transform")
    for number in range(2):
        name = f"Split-train/transformed_examples-{number:05d}-of-00002"
        written = places.read(f"{there.examples.uri}/{name}", "")
        assert written == Path(here.examples.uri, name).read_bytes()


@pytest.mark.slow
def test_a_file_that_may_not_grow_is_one_line_and_nothing_is_left_of_it(workplace):
    raw = workplace.raw({"train": raw_examples(3, seed=0)})
    line = "cannot be written: File too large"
    with full_disk(200_000), pytest.raises(Failure, match=line) as failure:  # The graph takes less.
        workplace.run(raw, height=512, width=512)

    assert "\n" not in str(failure.value)
    assert not list(workplace.folder.rglob("transformed_examples-*"))


@pytest.mark.slow
def test_memory_that_ran_out_is_not_taken_for_a_full_disk(workplace, monkeypatch):
    raw = workplace.raw({"train": raw_examples(3, seed=0)})

    def full(*_):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")

    monkeypatch.setattr(pixel_statistics, "of_batch", full)
    with pytest.raises(tf.errors.ResourceExhaustedError, match="OOM"):
        workplace.run(raw)


@pytest.mark.slow
def test_one_corrected_label_among_large_shards_makes_other_examples(workplace, make):
    picture = make.encode(make.picture(8, 8, 1))
    labels = [number % 2 for number in range(200)]
    made = []
    for corrected in (None, 8):
        records = [make.example(picture, labels[n] ^ (n == corrected)) for n in range(200)]
        raw = workplace.raw({"train": records}, files=1)
        made.append(workplace.run(raw, to=str(corrected), height=128, width=128).examples.uri)
    one, other = (fingerprint([folder], {}) for folder in made)
    assert one != other
    for folder in made:
        Path(folder, "content.sha256").unlink()
    one, other = (fingerprint([folder], {}) for folder in made)
    assert one == other  # Samples of the shards miss it.
