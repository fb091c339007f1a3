"""ValidationGate: what stops a run, what passes, and what is said of both."""

import os
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tensorflow_metadata.proto.v0 import anomalies_pb2, statistics_pb2
from tfx.types import channel, standard_artifacts

from components.example_validator import anomalies_files
from components.statistics_gen import statistics_files
from components.validation_gate import verdict
from components.validation_gate.component import ValidationGate
from failures import Failure
from settings.validation import ANOMALY_TYPES

LARGE = {"image": b"\x89PNG", "label": 9, "kind": b"photo"}


def failure_of(gate, *args, **settings):
    with pytest.raises(Failure) as failure:
        gate(*args, **settings)
    assert "\n" not in str(failure.value)
    return str(failure.value)


def test_good_data_pass(good, gate):
    checked = gate({"train": good, "validation": good, "test": good})

    assert checked.get_string_custom_property("summary") == "no anomalies"
    assert checked.get_int_custom_property("anomalies") == 0
    assert set(anomalies_files.read(checked)) == {"train", "validation", "test"}


def test_a_failure_names_split_feature_anomaly_and_how_many_examples(good, gate):
    largest = {**good[0], "label": 4}
    message = failure_of(
        gate, {"train": [*good, largest], "test": [*good[1:], largest, LARGE, LARGE]}
    )

    assert message == (
        "1 anomaly in the data, 0 allowed: split test, feature 'label': Unexpectedly "
        "large value: 9 (INT_TYPE_BIG_INT, 2 of 8 examples). "
        "Correct the data or the schema, or allow these anomaly types."
    )


def test_a_refused_run_leaves_no_output(good, gate, tmp_path):
    failure_of(gate, {"train": good, "test": [LARGE]})

    assert not os.path.exists(tmp_path / "checked")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image": None}, "feature 'image': The feature was present in fewer examples"),
        ({"label": None}, "(FEATURE_TYPE_LOW_FRACTION_PRESENT, 1 of 7 examples)"),
        ({"label": -1}, "(INT_TYPE_SMALL_INT, 1 of 7 examples)"),
        ({"kind": b"video"}, "missing from the schema: video (~14%) (ENUM_TYPE_UNEXPECTED"),
        ({"kind": b"video"}, "_STRING_VALUES, 1 of 7 examples)"),
        ({"extra": 3}, "feature 'extra': New column (column in data but not in"),
        ({"extra": 3}, "(SCHEMA_NEW_COLUMN, 1 of 7 examples)"),
    ],
)
def test_an_example_that_breaks_the_schema_is_counted(change, message, good, gate):
    changed = {**good[0], **change}
    bad = {name: value for name, value in changed.items() if value is not None}

    assert message in failure_of(gate, {"train": good, "test": [*good, bad]})


def test_a_feature_that_a_split_lacks_altogether_is_missing_everywhere(good, gate):
    unlabelled = [{"image": features["image"], "kind": b"photo"} for features in good]

    message = failure_of(gate, {"train": good, "test": unlabelled})
    assert "split test, feature 'label': Column is completely missing" in message
    assert "6 of 6 examples" in message


def test_an_empty_split_stops_the_run(good, gate):
    message = failure_of(gate, {"train": good, "validation": []})

    assert "split validation: The split has no examples (EMPTY_SPLIT)" in message


def test_more_images_in_two_splits_than_allowed_stop_the_run(good, gate):
    splits = {"train": good, "test": [{**good[0], "image": b"\x89PNG"}, *good[:3]]}

    assert gate(splits).get_string_custom_property("summary") == "no anomalies"
    gate(splits, max_overlap=0.25)
    assert failure_of(gate, splits, max_overlap=0.2) == (
        "train and test share 1 image, 25.00% of test; 20.00% allowed. Remove the copies, choose "
        "splits that do not overlap, or raise validation.max_overlap."
    )


def test_of_many_anomalies_three_are_named(good, gate):
    extra = dict.fromkeys("abcde", 1)

    message = failure_of(gate, {"train": good, "test": [{**good[0], **extra}]})
    assert message.startswith("5 anomalies in the data, 0 allowed: ")
    assert message.count("SCHEMA_NEW_COLUMN") == 3
    assert "; and 2 more. Correct" in message


def labelled(examples, most, counts):
    """Statistics of a split whose examples have up to `most` labels."""
    statistics = statistics_pb2.DatasetFeatureStatisticsList()
    feature = statistics.datasets.add(num_examples=examples).features.add()
    feature.path.step.append("label")
    feature.string_stats.common_stats.max_num_values = most
    feature.string_stats.common_stats.tot_num_values = sum(counts.values())
    for name, count in counts.items():
        feature.string_stats.rank_histogram.buckets.add(label=name, sample_count=count)
    return statistics


def test_an_image_of_two_labels_is_not_counted_as_two():
    anomalies = anomalies_pb2.Anomalies()
    anomalies.baseline.feature.add(name="label").string_domain.value.append("cat")
    info = anomalies.anomaly_info["label"]
    info.path.step.append("label")
    info.reason.add(type="ENUM_TYPE_UNEXPECTED_STRING_VALUES", description="Unexpected")
    train = labelled(20, 1, {"cat": 20})

    def found(test):
        none = {"train": anomalies_pb2.Anomalies(), "test": anomalies}
        return [str(one) for one in verdict.find(none, {"train": train, "test": test}, "label")]

    assert found(labelled(10, 3, {"cat": 10, "owl": 10, "elk": 10})) == [
        "split test, feature 'label': Unexpected (ENUM_TYPE_UNEXPECTED_STRING_VALUES)",
        "split test, feature 'label': Classes that train lacks: elk, owl (CLASSES_NOT_IN_TRAIN)",
    ]
    assert "NOT_IN_TRAIN, 3 of 10 examples" in found(labelled(10, 1, {"cat": 7, "owl": 3}))[1]


def test_the_values_that_a_large_domain_lacks_are_counted_at_once():
    names = [f"class {number}" for number in range(15_000)]
    anomalies = anomalies_pb2.Anomalies()
    anomalies.baseline.feature.add(name="label").string_domain.value.extend(names[2:])
    info = anomalies.anomaly_info["label"]
    info.path.step.append("label")
    info.reason.add(type="ENUM_TYPE_UNEXPECTED_STRING_VALUES", description="Unexpected")
    statistics = labelled(30_000, 1, dict.fromkeys(names, 2))

    began = time.process_time()
    [found] = verdict.find({"test": anomalies}, {"test": statistics}, None)
    assert found.affected == 4
    assert time.process_time() - began < 1


@pytest.mark.parametrize("feature", ["label", "*"])
def test_an_allowed_anomaly_passes_and_is_counted(feature, good, gate):
    splits = {"train": good, "test": [*good, LARGE]}
    checked = gate(splits, allow={feature: ["INT_TYPE_BIG_INT"]})

    summary = checked.get_string_custom_property("summary")
    assert summary.startswith("1 anomaly: test 1, allowed")
    assert checked.get_int_custom_property("anomalies") == 1


def test_what_is_allowed_of_one_feature_is_not_allowed_of_another(good, gate):
    splits = {"train": good, "test": [*good, LARGE]}

    failure_of(gate, splits, allow={"kind": ["INT_TYPE_BIG_INT"]})
    failure_of(gate, splits, allow={"label": ["INT_TYPE_SMALL_INT"]})


def test_a_number_of_anomalies_may_pass(good, gate):
    splits = {"train": good, "test": [{**good[0], "a": 1, "b": 1}]}

    assert "2 anomalies in the data, 1 allowed" in failure_of(gate, splits, max_anomalies=1)
    assert gate(splits, max_anomalies=2).get_int_custom_property("anomalies") == 2


def test_a_class_that_train_lacks_is_only_a_warning(good, gate, caplog):
    rare = [{**good[0], "label": label} for label in (3, 4, 4)]
    checked = gate({"train": good, "test": [*good, *rare]})

    summary = checked.get_string_custom_property("summary")
    assert summary == (
        "no anomalies; warning: split test, feature 'label': Classes that train lacks: 3, 4 "
        "(CLASSES_NOT_IN_TRAIN, 3 of 9 examples)"
    )
    assert checked.get_int_custom_property("warnings") == 1
    assert "Classes that train lacks: 3, 4" in caplog.text


def test_a_class_that_train_alone_has_is_only_a_warning(good, gate):
    rare = [{**good[0], "label": label} for label in (3, 4, 4)]
    checked = gate({"train": [*good, *rare], "validation": good[:2], "test": [*good, rare[0]]})

    assert checked.get_string_custom_property("summary") == (
        "no anomalies; warning: split train, feature 'label': Classes that no other split "
        "measures: 4 (CLASSES_IN_TRAIN_ALONE)"
    )
    assert checked.get_int_custom_property("warnings") == 1
    assert not gate({"train": good}).get_int_custom_property("warnings")


def test_a_split_that_has_no_class_of_train_stops_the_run(good, gate):
    other = [{**features, "label": 4} for features in good]

    message = failure_of(gate, {"train": good, "test": other})
    assert "Classes that train lacks: 4 (NO_COMMON_CLASS, 6 of 6 examples)" in message
    assert gate({"train": good, "test": other}, allow={"label": ["NO_COMMON_CLASS"]})


MANY = 1_100
NUMBERS = """
feature { name: "image" type: BYTES image_domain {} presence { min_fraction: 1 } }
feature { name: "label" type: INT int_domain { is_categorical: true } }
"""


def numbered(labels):
    return [{"image": b"\x89PNG", "label": label} for label in labels]


def test_a_split_of_many_classes_that_has_none_of_train_stops_the_run(gate):
    other = numbered(range(MANY, 2 * MANY))
    message = failure_of(gate, {"train": numbered(range(MANY)), "test": other}, NUMBERS)
    assert "Classes that train lacks: 1100, 1101, 1102, and 1097 more (NO_COMMON_CLASS" in message


def test_more_classes_than_can_be_compared_are_a_warning(gate, monkeypatch):
    monkeypatch.setattr(statistics_files, "MOST_CLASSES", MANY - 1)
    checked = gate({"train": numbered(range(9)), "test": numbered(range(MANY))}, NUMBERS)
    assert checked.get_string_custom_property("summary") == (
        "no anomalies; warning: split test, feature 'label': Its classes are not compared with "
        "those of other splits; up to 1,099 can be (CLASSES_NOT_COUNTED)"
    )


def test_a_whole_splits_constraint_of_a_curated_schema_is_enforced(good, gate):
    schema = """
      dataset_constraints { min_examples_count: 100 }
      feature { name: "image" type: BYTES } feature { name: "label" type: INT }
      feature { name: "kind" type: BYTES }
    """
    message = failure_of(gate, {"train": good}, schema_text=schema)

    assert "split train: The dataset has 6 examples, which is fewer than expected" in message
    assert gate({"train": good}, schema, allow={"dataset": ["DATASET_LOW_NUM_EXAMPLES"]})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"allow": {"label": ["ENUM_TYPE_UNEXPECTED_STRING_VALUE"]}},
            "did you mean ENUM_TYPE_UNEXPECTED_STRING_VALUES?",
        ),
        (
            {"allow": {"label": ["schema_new_columns"]}},
            "allow.label.0: given 'schema_new_columns'; allowed: TFDV's anomaly types",
        ),
        ({"max_anomalies": -1}, "max_anomalies: given -1; allowed: a whole number, 0 or more"),
    ],
)
def test_a_wrong_configuration_is_refused_before_anything_runs(settings, message):
    anomalies = channel.Channel(type=standard_artifacts.ExampleAnomalies)
    statistics = channel.Channel(type=standard_artifacts.ExampleStatistics)

    with pytest.raises(Failure) as failure:
        ValidationGate(anomalies=anomalies, statistics=statistics, **settings)
    assert message in str(failure.value)


KINDS = st.sampled_from(ANOMALY_TYPES)
FEATURES = st.sampled_from(["image", "label", "kind"])
ANOMALIES = st.builds(
    verdict.Anomaly,
    split=st.sampled_from(["train", "test"]),
    feature=FEATURES,
    kind=KINDS,
    description=st.just("Something"),
    affected=st.none() | st.integers(0, 10),
    examples=st.just(10),
)


@given(
    found=st.lists(ANOMALIES),
    allow=st.dictionaries(FEATURES | st.just("*"), st.lists(KINDS, max_size=5)),
    more=st.dictionaries(FEATURES | st.just("*"), st.lists(KINDS, max_size=5)),
)
def test_to_allow_more_never_refuses_more(found, allow, more):
    refused = verdict.refused(found, allow)
    both = {name: allow.get(name, []) + more.get(name, []) for name in {*allow, *more}}

    assert set(verdict.refused(found, both)) <= set(refused) <= set(found)
    assert verdict.refused(found, {"*": list(ANOMALY_TYPES)}) == []
    verdict.check(refused, max_anomalies=len(refused))


MASKS = {"mask_feature": "mask", "mask_classes": {"background": 0, "pet": 1}}
MASKED = """
feature { name: "image" type: BYTES image_domain {} presence { min_fraction: 1 } }
feature { name: "mask" type: BYTES image_domain {} presence { min_fraction: 1 } }
feature { name: "label" type: INT }
"""


def test_without_a_label_feature_no_label_is_checked(gate):
    train, test = ([{"image": b"\x89PNG", "mask": b"\x89PNG", "label": label}] for label in (1, 2))
    checked = gate({"train": train, "test": test}, schema_text=MASKED, **MASKS)

    assert checked.get_string_custom_property("summary") == "no anomalies"


def test_a_missing_mask_stops_the_run(gate):
    whole = {"image": b"\x89PNG", "mask": b"\x89PNG", "label": 1}
    bare = {"image": b"\x89PNG", "label": 1}
    message = failure_of(
        gate,
        {"train": [whole], "test": [whole, bare, bare]},
        schema_text=MASKED,
        **MASKS,
    )

    assert "split test, feature 'mask'" in message
    assert "2 of 3 examples" in message
