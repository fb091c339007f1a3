"""Examples are left out by their label, and counted."""

import json

import pytest
import tensorflow as tf

from failures import Failure

DATASET = "scenery_photos/small"


def kinds(records):
    examples = map(tf.train.Example.FromString, records)
    return [example.features.feature["kind"].int64_list.value[0] for example in examples]


@pytest.mark.parametrize("beam", [(), ("--runner=DirectRunner",)], ids=["threads", "beam"])
def test_the_examples_of_a_class_are_left_out_of_every_split(ingest, data_dir, read, beam):
    examples = ingest(
        DATASET, data_dir, label="kind", exclude_labels=("dog",), beam_pipeline_args=beam
    )
    assert kinds(read(examples, "train")) == [0] * 35
    assert kinds(read(examples, "test")) == [0] * 10
    assert json.loads(examples.get_string_custom_property("counts")) == {"train": 35, "test": 10}
    summary = examples.get_string_custom_property("summary")
    assert summary == "45 examples in 2 splits; left out: dog 45"


def test_numbers_are_labels_too_and_what_occurs_nowhere_is_counted_as_such(ingest, data_dir, read):
    examples = ingest(DATASET, data_dir, label="count", exclude_labels=("7", "8", "99"))
    assert len(read(examples, "train")) == 68
    assert "left out: 7 2, 8 2, 99 0" in examples.get_string_custom_property("summary")


@pytest.mark.parametrize(
    ("excluded", "said"),
    [
        (("dgo",), "no class 'dgo' in kind; did you mean dog?"),
        (("cat", "dog"), "leaves no example in split train"),
    ],
)
def test_a_class_that_is_not_there_or_too_many_are_one_line(ingest, data_dir, excluded, said):
    with pytest.raises(Failure) as failed:
        ingest(DATASET, data_dir, label="kind", exclude_labels=excluded)
    assert said in str(failed.value)


def test_an_exclusion_by_a_feature_that_the_dataset_lacks_is_one_line(ingest, data_dir):
    with pytest.raises(
        Failure, match=r"^exclude_labels: scenery_photos/small.* no feature 'label'"
    ):
        ingest(DATASET, data_dir, exclude_labels=("cat",))
    with pytest.raises(Failure, match="one of: count, image, kind, objects/box, objects/parts"):
        ingest(DATASET, data_dir, label="objects/part", exclude_labels=("leaf",))


def test_what_is_left_out_is_part_of_the_fingerprint(ingest, data_dir):
    found = {
        ingest(DATASET, data_dir, label="kind", exclude_labels=excluded).get_string_custom_property(
            "fingerprint"
        )
        for excluded in ((), ("cat",), ("dog",))
    }
    assert len(found) == 3
