"""ExampleValidator finds what TFX's own finds, and leaves it where TFX looks."""

import pathlib

import pytest
from tfx.components.example_validator import executor as tfx_executor
from tfx.dsl.components.base import base_executor
from tfx.types import standard_artifacts

from components.example_validator import anomalies_files
from components.example_validator.component import ExampleValidator
from failures import Failure

PNG = b"\x89PNG and its pixels"


@pytest.fixture
def statistics(make_statistics):
    """The test split lacks one image of four, and has the label 5."""
    return make_statistics(
        train=[(PNG, label) for label in range(3)],
        test=[(PNG, 0), (PNG, 1), (None, 2), (PNG, 5)],
    )


@pytest.fixture
def schema(statistics, make_schema):
    def edit(features):
        features["label"].int_domain.max = 2

    return make_schema(statistics, edit)


@pytest.fixture
def validate(tmp_path):
    def run(executor_class, statistics, schema):
        anomalies = standard_artifacts.ExampleAnomalies()
        anomalies.uri = str(tmp_path / executor_class.__module__)
        executor_class(base_executor.BaseExecutor.Context(tmp_dir=str(tmp_path))).Do(
            {"statistics": [statistics], "schema": [schema]},
            {"anomalies": [anomalies]},
            {"exclude_splits": "[]"},
        )
        return anomalies

    return run


OURS = ExampleValidator.EXECUTOR_SPEC.executor_class


def test_the_anomalies_are_those_of_tfxs_own(statistics, schema, validate):
    ours = validate(OURS, statistics, schema)
    theirs = validate(tfx_executor.Executor, statistics, schema)

    assert anomalies_files.read(ours) == anomalies_files.read(theirs)
    assert ours.split_names == theirs.split_names


def test_anomalies_are_counted_by_split(statistics, schema, validate):
    anomalies = validate(OURS, statistics, schema)

    found = anomalies_files.read(anomalies)["test"]
    assert set(found.anomaly_info) == {"image", "label"}
    kinds = [reason.type for _, reason, _ in anomalies_files.reasons(found)]
    summary = anomalies.get_string_custom_property("summary")
    assert summary == f"{len(kinds)} anomalies: test {len(kinds)}"


def test_good_data_have_no_anomalies(make_statistics, make_schema, validate):
    statistics = make_statistics(train=[(PNG, 0), (PNG, 1)], test=[(PNG, 1)])
    anomalies = validate(OURS, statistics, make_schema(statistics, lambda features: None))

    assert anomalies.get_string_custom_property("summary") == "no anomalies"
    assert not any(map(anomalies_files.reasons, anomalies_files.read(anomalies).values()))


def test_damaged_anomalies_are_refused(statistics, schema, validate):
    anomalies = validate(OURS, statistics, schema)
    pathlib.Path(anomalies.uri, "Split-test", "SchemaDiff.pb").write_bytes(b"\xff\xff\xff")

    with pytest.raises(Failure, match=r"SchemaDiff\.pb cannot be read as Anomalies"):
        anomalies_files.read(anomalies)
