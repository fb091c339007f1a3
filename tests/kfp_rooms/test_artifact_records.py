"""Artifacts keep what they say on their way through Kubeflow's records."""

import itertools

import hypothesis
import pytest
from hypothesis import strategies as st
from tfx.types import standard_artifacts

from components.examples.describing import describe
from components.examples.reading import read_class_names, read_data
from failures import Failure
from files.strict_json import text_of
from kfp.artifact_records import artifact_class, to_artifact, to_record
from kfp.backend_driver import survive
from kfp.launcher_paths import is_object_store, local_path
from settings.spans import day_of

EXAMPLES = {"instanceSchema": "title: tfx.Examples\ntype: object\n"}
NAMES = st.text(min_size=1, max_size=20).filter(
    lambda name: name not in ("display_name", "store_session_info")
)
# 2**53: beyond it a float, which is what the backend keeps, is not an exact integer.
INTEGERS = st.integers(-(2**53), 2**53)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.booleans() | FLOATS | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
).filter(lambda value: isinstance(value, (list, dict)) and "__value__" not in value)


def travelled(artifact):
    """The artifact as the next step reads it."""
    metadata = survive(to_record(artifact)["metadata"])
    record = {"name": "3", "uri": "minio://bucket/examples", "metadata": metadata}
    return to_artifact(record, EXAMPLES)


@pytest.mark.slow
@hypothesis.given(
    texts=st.dictionaries(NAMES, st.text(max_size=50)),
    integers=st.dictionaries(NAMES, INTEGERS),
    floats=st.dictionaries(NAMES, FLOATS),
    values=st.dictionaries(NAMES, JSON),
)
@hypothesis.settings(deadline=None)
def test_custom_properties_of_every_kind_arrive(texts, integers, floats, values):
    examples = standard_artifacts.Examples()
    for key, value in texts.items():
        examples.set_string_custom_property("t" + key, value)
    for key, value in integers.items():
        examples.set_int_custom_property("i" + key, value)
    for key, value in floats.items():
        examples.set_float_custom_property("f" + key, value)
    for key, value in values.items():
        examples.set_json_value_custom_property("j" + key, value)

    arrived = travelled(examples)

    assert {k: arrived.get_string_custom_property("t" + k) for k in texts} == texts
    assert {k: arrived.get_int_custom_property("i" + k) for k in integers} == integers
    assert {k: arrived.get_float_custom_property("f" + k) for k in floats} == floats
    assert {k: arrived.get_json_value_custom_property("j" + k) for k in values} == values


def test_the_properties_of_the_type_arrive_as_its_types():
    examples = standard_artifacts.Examples()
    examples.split_names, examples.span, examples.version = '["train"]', 7, 2

    arrived = travelled(examples)

    assert (arrived.split_names, arrived.span, arrived.version) == ('["train"]', 7, 2)
    assert type(arrived.span) is int
    assert arrived.id == 3


def test_a_record_of_a_backend_without_ml_metadata_is_read_as_well():
    # kubeflow/pipelines#13986, convertArtifactToRuntimeArtifact in driver/container.go: its name is
    # the output's, its id a text of its own, and lists and dictionaries are as they were.
    record = {
        "name": "examples",
        "artifactId": "0f6c2b1e-9d52-4a6e-8f3d-1b8f6a1c2d3e",
        "uri": "minio://bucket/examples",
        "type": {"schemaTitle": EXAMPLES["instanceSchema"]},
        "metadata": {"split_names": '["train"]', "span": 7.0, "counts": {"train": [1.0]}},
    }

    arrived = to_artifact(record, EXAMPLES)

    assert (arrived.split_names, arrived.span) == ('["train"]', 7)
    assert arrived.get_json_value_custom_property("counts") == {"train": [1.0]}


def test_a_custom_property_named_as_one_of_the_type_is_kept_apart():
    examples = standard_artifacts.Examples()
    examples.span = 7
    examples.set_string_custom_property("span", "of days")

    arrived = travelled(examples)

    assert (arrived.span, arrived.get_string_custom_property("span")) == (7, "of days")


def test_what_no_argument_could_hold_is_refused_where_it_is_made():
    examples = standard_artifacts.Examples()
    examples.set_string_custom_property("summary", "what was read of it" * 6_000)
    with pytest.raises(Failure, match=r"^the property summary of Examples makes its record"):
        to_record(examples)


def examples_of(folder, days, versions=(None,)):
    """Examples of a window of these days since 1970, and what is said of each of them."""
    facts = [
        {"span": day, "version": version, "name": str(day_of(day)), "examples": 900 + day % 200}
        for day, version in zip(days, itertools.cycle(versions), strict=False)
    ]
    examples = standard_artifacts.Examples()
    examples.uri = str(folder)
    counts = {"train": sum(fact["examples"] for fact in facts)}
    describe(examples, dataset="d", fingerprint="f", counts=counts, span=days[-1], spans=facts)
    return examples, facts


def test_the_spans_of_eight_years_fit_three_times_into_an_argument(tmp_path):
    examples, facts = examples_of(tmp_path, [*range(17_000, 18_500), *range(18_501, 20_000)])

    record = to_record(examples)

    assert len(text_of([record] * 3)) < 100_000
    properties = {"spans": travelled(examples).get_string_custom_property("spans")}
    assert read_data(properties).spans == facts


def test_spans_that_would_fit_into_one_record_only_are_refused_before_the_training(tmp_path):
    examples, _ = examples_of(tmp_path, range(0, 1_800, 2))
    line = r"^the property spans of Examples takes [\d,]+ bytes.* Use a shorter window of spans"
    with pytest.raises(Failure, match=line):
        to_record(examples)


def test_versions_and_gaps_of_a_window_are_told_as_they_are(tmp_path):
    examples, facts = examples_of(tmp_path, [3, 4, 5, 9, 11, 12], versions=(1, 1, 2))

    properties = {"spans": travelled(examples).get_string_custom_property("spans")}

    assert read_data(properties).spans == facts


def test_the_names_of_ten_thousand_classes_are_no_part_of_a_record(tmp_path):
    names = {"label": [f"{number:05d}_Animalia_Annelida_Clitellata" for number in range(10_000)]}
    examples = standard_artifacts.Examples()
    examples.uri = str(tmp_path)

    counts = {"train": 1}
    describe(examples, dataset="d", fingerprint="f", counts=counts, span=0, class_names=names)

    assert len(str(to_record(examples))) < 10_000
    assert read_class_names(examples.uri) == names


def test_what_the_backend_adds_for_itself_is_not_taken_for_a_property():
    record = {"uri": "s3://b/k", "metadata": {"display_name": "x", "store_session_info": "{}"}}

    assert not to_artifact(record, EXAMPLES).mlmd_artifact.custom_properties


def test_a_type_of_user_code_is_found_by_its_module_and_name():
    title = "tfx.types.standard_artifacts.Model"

    assert artifact_class({"schemaTitle": title}) is standard_artifacts.Model


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"instanceSchema": ""},
        {"instanceSchema": "type: object"},
        {"schemaTitle": "tfx.Gone"},
        {"schemaTitle": "json.dumps"},
        {"schemaTitle": "Model"},
    ],
)
def test_a_title_that_is_not_a_type_is_reported(schema):
    with pytest.raises(ValueError, match="type"):
        artifact_class(schema)


@hypothesis.given(
    st.sampled_from(["minio", "s3", "gs"]),
    st.from_regex(r"[a-z0-9.-]{1,20}(/[\w.=-]{1,9}){0,4}", fullmatch=True),
)
def test_two_addresses_have_two_paths_below_the_pods_root(scheme, key):
    path = local_path(f"{scheme}://{key}", "/pod")

    assert path.startswith("/pod/")
    assert path.endswith(key)
    assert is_object_store(f"{scheme}://{key}")
    assert not is_object_store(path)
