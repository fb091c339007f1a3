"""The plan of a training's input, on digits whose decoder sleeps for a known time an image.

What it foretells is measured in test_measured_plans.py.
"""

import dataclasses
import io
import os
import time

import pytest
import tensorflow as tf
from PIL import Image
from sklearn.datasets import load_sample_image

from components.trainer.checkpoints import Checkpoints
from components.trainer.input import disk
from components.trainer.input.features import LABEL, image_feature
from components.trainer.input.records import source as records_source
from components.trainer.input_plan.plan import PLAN_FILE
from components.trainer.input_plan.planner import Planner
from components.trainer.input_plan.speed import sync_rate
from failures import Failure
from tests.components.trainer.input_plan.conftest import ALWAYS, BATCH, RATE, plan_of, slowed


@pytest.mark.slow
def test_a_copy_counts_once_it_is_on_the_disk_and_nothing_of_it_stays_there_but_a_lock(
    planner_of, quick, tmp_path, monkeypatch
):
    took = 60.0

    def sync_rate(file, most):
        return os.path.getsize(file) / took

    monkeypatch.setattr("components.trainer.input_plan.probe.sync_rate", sync_rate)
    memory, disk, _ = plan_of(planner_of(RATE), quick).forecasts
    assert disk.seconds > memory.seconds + took / 2
    assert not [file for file in (tmp_path / "cache").iterdir() if file.suffix != ".lock"]


def test_only_what_the_disk_has_taken_counts_as_written(tmp_path, monkeypatch):
    file = tmp_path / "copy"
    file.write_bytes(bytes(3000))
    monkeypatch.setattr(os, "fsync", lambda descriptor: time.sleep(0.1))
    assert 0 < sync_rate(str(file), 1000) <= 10_000
    assert file.stat().st_size == 1000


@pytest.mark.slow
def test_a_probe_leaves_the_disk_possible_where_another_training_makes_room_meanwhile(
    planner_of, quick, tmp_path, monkeypatch
):
    cache = tmp_path / "cache"

    def after_another(file, most):
        disk.stored(quick.part(BATCH), str(cache))
        return sync_rate(file, most)

    monkeypatch.setattr("components.trainer.input_plan.probe.sync_rate", after_another)
    _, on_disk, _ = plan_of(planner_of(RATE), quick).forecasts
    assert on_disk.refused is None
    assert not list(cache.glob("*.unfinished"))


@pytest.fixture
def photographs(tmp_path):
    """A source of photographs in a JPEG each."""
    china = Image.fromarray(load_sample_image("china.jpg"))
    path = str(tmp_path / "shard")
    with tf.io.TFRecordWriter(path) as writer:
        for number in range(3 * BATCH):
            file, example = io.BytesIO(), tf.train.Example()
            china.crop((number, number, number + 200, number + 200)).save(file, "JPEG")
            example.features.feature["image"].bytes_list.value.append(file.getvalue())
            example.features.feature["label"].int64_list.value.append(number)
            writer.write(example.SerializeToString())
    return records_source([path], (image_feature((96, 96, 3)), LABEL), encoded=True)


@pytest.mark.slow
def test_what_fits_into_memory_as_jpegs_alone_is_kept_so(planner_of, photographs):
    decoded = photographs.at_most * photographs.row_bytes
    keys = {"memory_limit": decoded // 3, "cache": False, "epochs": 40}
    plan = plan_of(planner_of(20 * RATE, **keys), slowed(photographs))
    assert plan.strategy == "compressed"
    assert plan.chosen.memory_bytes < decoded / 3
    assert plan.chosen.seconds < plan.forecasts[2].seconds / 3

    smaller = planner_of(20 * RATE, **keys | {"memory_limit": decoded // 50})
    plan = plan_of(smaller, photographs)
    assert plan.strategy == "streaming"
    assert "exceed" in plan.forecasts[3].refused


@pytest.mark.slow
def test_a_model_that_nothing_reaches_is_told_before_the_training(planner_of, hurried):
    plan = plan_of(planner_of(16 * RATE, memory_limit=100, cache=False, epochs=3), hurried)
    assert plan.strategy == "streaming"
    assert plan.warning.startswith("No input strategy keeps up with the model")
    assert "of memory for decoded images" in plan.warning
    assert plan.warning in plan.lines()[-1]
    assert "cores instead" not in plan.warning  # The cores were idle.


@pytest.mark.slow
def test_a_resumed_training_keeps_the_plan_unless_it_has_become_impossible(
    planner_of, hurried, quick, tmp_path
):
    checkpoints = Checkpoints(str(tmp_path / "own"), None, 60)
    first = planner_of(20 * RATE, checkpoints, epochs=20, cache=False)
    plan = plan_of(first, hurried)
    assert first.measured
    assert (tmp_path / "own" / PLAN_FILE).exists()

    again = planner_of(RATE, checkpoints, epochs=20, cache=False)
    assert plan_of(again, hurried) == plan
    assert not again.measured

    smaller = planner_of(20 * RATE, checkpoints, epochs=20, cache=False, memory_limit=100)
    assert plan_of(smaller, quick).strategy != plan.strategy == "memory"
    assert smaller.measured


@pytest.mark.slow
def test_a_resumed_training_that_may_use_more_is_measured_anew(planner_of, quick, tmp_path):
    checkpoints = Checkpoints(str(tmp_path / "own"), None, 60)
    little = {"probe_seconds": ALWAYS, "memory_limit_mb": 0.001}
    keys = {"memory_limit": 1000, "input": little, "cache": False, "epochs": 20}

    def resumed(began_with="streaming", **changed) -> Planner:
        planner = planner_of(20 * RATE, checkpoints, began_with, **keys | changed)
        plan_of(planner, quick)
        return planner

    assert resumed(began_with=None).measured
    assert not resumed().measured
    cached = resumed(cache=True)
    assert cached.measured
    assert not cached.plan.forecasts[1].refused
    roomy = resumed(memory_limit=10**9, input=little | {"memory_limit_mb": 1000})
    assert roomy.measured
    assert not roomy.plan.forecasts[0].refused


@pytest.mark.slow
def test_without_a_kept_plan_the_strategy_of_the_checkpoint_goes_on(planner_of, late):
    planner = planner_of(RATE, began_with="streaming")
    assert plan_of(planner, late).strategy == "streaming"
    assert not planner.measured


@pytest.mark.slow
def test_a_device_that_is_full_while_measuring_is_reported_as_such(planner_of, quick):
    def deliver(dataset):
        raise tf.errors.InternalError(None, None, "Dst tensor is not initialized.")

    planner = dataclasses.replace(planner_of(RATE), deliver=deliver)
    with pytest.raises(Failure, match=f"a step on {BATCH} images does not fit into the device's"):
        planner(quick, "memory", "by size")


def test_small_data_are_not_measured(planner_of, late):
    planner = planner_of(RATE, input={})
    plan = plan_of(planner, late)
    assert (plan.strategy, plan.forecasts, planner.measured) == ("memory", (), [])
    assert plan.lines() == ["input plan: by size, and need no probe"]


def test_who_wants_no_probe_gets_none(planner_of, late):
    planner = planner_of(RATE, input={"probe_seconds": 0})
    assert plan_of(planner, late).strategy == "memory"
    assert not planner.measured
