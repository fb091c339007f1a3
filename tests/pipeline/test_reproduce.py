"""A version is made again by code that takes its configuration, or the commit is named."""

import json
import math

import pytest

from components.model_store.publish import publish
from components.model_store.versions import PushRecord
from failures import Failure
from pipeline.reproduce import agree, reproduce
from settings.reading import load


def test_a_configuration_that_is_refused_by_now_is_one_line_with_the_commit(tmp_path):
    here = [f"root={tmp_path}", f"push.destination={tmp_path}/pushed"]
    configuration = load("configs/digits.yaml", here)
    kept = configuration.model_dump(mode="json", by_alias=True)
    kept["training"]["input"]["cache_dir"] = "$HOME/cache"
    origin = {"git_commit": "0123abc", "configuration": json.dumps(kept)}
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "saved_model.pb").touch()
    record = PushRecord("f" * 64, "model", "2026-11-01T00:00:00+00:00", run="r", origin=origin)
    publish(str(tmp_path / "model"), f"{tmp_path}/pushed", record)

    with pytest.raises(Failure, match=r"training\.input\.cache_dir: given .* it, 0123abc\.") as one:
        reproduce(configuration, 1, lambda *run: None)
    assert "\n" not in str(one.value)


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
