"""A version is made again by code that takes its configuration, or the commit is named."""

import json
import math

import pytest

from components.model_store.publish import publish
from components.model_store.versions import PushRecord
from failures import Failure
from pipeline.lineage import lineage_of
from pipeline.reproduce import agree, configuration_again, reproduce
from settings.buckets import DEFAULT_CACHE
from settings.reading import load
from settings.section import put
from tests.own_code.user_package import UserPackage


@pytest.fixture
def pushed(tmp_path):
    """A function: (overrides of digits, {dotted key: value} of its record) → the Configuration
    that a user gives for version 1, which a cluster pushed."""

    def push(*overrides, **elsewhere):
        here = [f"root={tmp_path}", f"push.destination={tmp_path}/pushed", *overrides]
        configuration = load("configs/digits.yaml", here)
        kept = configuration.model_dump(mode="json", by_alias=True)
        for key, value in elsewhere.items():
            put(kept, key.replace("__", "."), value)
        origin = {"git_commit": "0123abc", "configuration": json.dumps(kept)}
        (tmp_path / "model").mkdir()
        (tmp_path / "model" / "saved_model.pb").touch()
        record = PushRecord("f" * 64, "model", "2026-11-01T00:00:00+00:00", run="r", origin=origin)
        publish(str(tmp_path / "model"), f"{tmp_path}/pushed", record)
        return configuration

    return push


def again(configuration):
    return configuration_again(lineage_of(configuration, 1), configuration, "runs/again")


def test_a_configuration_that_is_refused_by_now_is_one_line_with_the_commit(pushed):
    configuration = pushed(kubeflow__work_dir="/$HOME/work")

    with pytest.raises(Failure, match=r"kubeflow\.work_dir: given .* it, 0123abc\.") as one:
        reproduce(configuration, 1, lambda *run: None)
    assert "\n" not in str(one.value)


@pytest.mark.parametrize("limit", ["max_latency_ms", "max_memory_mb"])
def test_a_version_with_a_limit_that_no_check_measured_is_made_again_without_it(pushed, limit):
    configuration = pushed(serving__check=False, **{f"serving__{limit}": 50.0})

    made = again(configuration).serving

    assert not made.check
    assert getattr(made, limit) is None


def test_a_version_of_a_cluster_is_made_again_in_the_folders_of_this_machine(pushed, tmp_path):
    ours = {
        "data.data_dir": f"{tmp_path}/datasets",
        "data.cache_dir": f"{tmp_path}/buckets",
        "training.input.cache_dir": f"{tmp_path}/cache",
    }
    theirs = {key.replace(".", "__"): "/work/of/a/pod" for key in ours}
    configuration = pushed(*(f"{key}={folder}" for key, folder in ours.items()), **theirs)

    made = again(configuration)

    assert made.data == configuration.data
    assert made.training == configuration.training
    assert made.root == "runs/again"


MANIFEST = {"source": "manifest", "path": "/data/labels.csv"}
PATHS = {"source": "bigquery", "table": "vision.photos", "columns": {"path": "file"}}
IMAGES = {"source": "bigquery", "table": "vision.photos"}


@pytest.mark.parametrize(
    ("theirs", "ours", "root"),
    [
        (PATHS | {"root": "/data/photos"}, PATHS | {"root": "/mnt/photos"}, "/mnt/photos"),
        (MANIFEST | {"root": "/data/photos"}, MANIFEST | {"root": "/mnt/photos"}, "/mnt/photos"),
        (MANIFEST, MANIFEST | {"root": "/mnt/photos"}, "/mnt/photos"),
        (MANIFEST | {"root": "/data/photos"}, MANIFEST, None),
        (IMAGES, PATHS | {"root": "/mnt/photos"}, None),
    ],
)
def test_images_of_a_cluster_are_looked_for_below_the_root_of_this_machine(
    pushed, theirs, ours, root
):
    configuration = pushed(f"data={json.dumps(ours)}", data=theirs)

    assert again(configuration).data.root == root


def test_the_copies_of_another_source_go_where_copies_go_by_default(pushed, tmp_path):
    theirs = {"source": "folder", "path": "s3://photos", "cache_dir": "/work/of/a/pod"}
    configuration = pushed(f"data.cache_dir={tmp_path}/buckets", data=theirs)

    assert again(configuration).data.cache_dir == DEFAULT_CACHE


def test_code_of_the_user_is_looked_for_where_the_given_configuration_has_it(
    pushed, tmp_path, monkeypatch
):
    kit = UserPackage(tmp_path, monkeypatch)
    kit.write("nets", "def tiny(pixels, classes):\n    return pixels\n")
    ours = f"code={tmp_path}", f"model={{name: '{kit.package}.nets:tiny'}}"

    assert again(pushed(*ours, code="/builds/ci/configs")).code == str(tmp_path)


@pytest.mark.parametrize("exactly", [True, False])
def test_a_metric_that_is_no_number_in_both_runs_is_the_same_and_in_one_alone_differs(exactly):
    assert agree("mean_iou", math.nan, math.nan, exactly)
    assert not agree("mean_iou", math.nan, 0.5, exactly)
    assert not agree("mean_iou", 0.5, math.nan, exactly)


@pytest.mark.parametrize(
    ("name", "after", "exactly", "same"),
    [
        ("accuracy", 0.9, True, True),
        ("accuracy", 0.909, True, False),
        ("accuracy", 0.909, False, True),
        ("accuracy", 0.92, False, False),
        ("loss", 0.94, False, True),
        ("loss", 0.96, False, False),
        ("example_count", 0.909, False, False),
    ],
)
def test_metrics_may_be_a_little_off_unless_training_is_deterministic(name, after, exactly, same):
    assert agree(name, 0.9, after, exactly) == same
