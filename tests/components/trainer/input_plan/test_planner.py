"""The plan of a training's input, on digits whose decoder sleeps for a known time an image."""

import dataclasses
import io
import os
import threading
import time

import pytest
import tensorflow as tf
from PIL import Image
from sklearn.datasets import load_sample_image

from components.trainer.certification.emulation import StandIn
from components.trainer.checkpoints import Checkpoints
from components.trainer.input import disk
from components.trainer.input.features import LABEL, image_feature
from components.trainer.input.function import feed
from components.trainer.input.options import FeedOptions
from components.trainer.input.records import source as records_source
from components.trainer.input_plan.plan import PLAN_FILE
from components.trainer.input_plan.planner import Planner
from components.trainer.input_plan.prediction import Consumer
from components.trainer.input_plan.speed import sync_rate
from failures import Failure
from settings.training import Training

SHAPE, BATCH = (12, 12, 1), 16
SLEEP = 0.004  # seconds an image, one at a time: 250 images/s
RATE = 1 / SLEEP
ALWAYS = 0.001  # so short a probe measures the smallest data


@pytest.fixture(scope="module")
def quick(digits):
    files = sorted(map(str, (digits.folder / "transformed" / "Split-train").iterdir()))
    return dataclasses.replace(records_source(files, (image_feature(SHAPE), LABEL)), in_place=())


@pytest.fixture(scope="module")
def late(quick):
    """A source whose decoder takes no processor, so that a busy machine changes little."""
    return slowed(quick)


@pytest.fixture(scope="module")
def hurried(quick):
    """A quarter as slow, where a little time more or less decides nothing."""
    return slowed(quick, SLEEP / 4)


def slowed(source, seconds=SLEEP):
    one_at_a_time = threading.Lock()

    def sleep(serialized):
        with one_at_a_time:
            time.sleep(seconds * len(serialized))
        return serialized

    def decode(serialized):
        slept = tf.numpy_function(sleep, [serialized], tf.string)
        return source.decode(tf.ensure_shape(slept, serialized.shape))

    return dataclasses.replace(source, decode=decode)


@pytest.fixture
def planner_of(tmp_path):
    """A Planner of a model that takes so many images a second, and counts its measurements."""

    def make(rate, checkpoints=None, began_with=None, memory_limit=None, cache=True, **training):
        measured = []

        def step(steps_per_epoch, batch, seconds):
            images, labels = batch
            assert len(images) == len(labels) == BATCH
            measured.append(steps_per_epoch)
            return Consumer(BATCH, BATCH / rate), []

        cache_dir = str(tmp_path / "cache") if cache else None
        options = FeedOptions(seed=3, cache_dir=cache_dir, memory_limit_bytes=memory_limit)
        made = Planner(
            Training(batch_size=BATCH, **{"input": {"probe_seconds": ALWAYS}} | training),
            options,
            step,
            checkpoints or Checkpoints(None, None, 60),
            began_with,
        )
        made.measured = measured
        return made

    return make


def plan_of(planner, source):
    chosen, reason = planner(source, "memory", "by size")
    assert (planner.plan.strategy, planner.plan.reason) == (chosen, reason)
    return planner.plan


@pytest.mark.slow
@pytest.mark.measured
def test_one_epoch_is_streamed_and_many_are_kept_in_memory(planner_of, late, hurried):
    plan = plan_of(planner_of(RATE, epochs=1, cache=False), late)
    assert plan.strategy == "streaming"
    # Loading takes as long as the training, and is not done beside it.
    memory, _, streaming = plan.forecasts
    assert memory.seconds > 1.3 * streaming.seconds

    longer = planner_of(20 * RATE, epochs=20)
    assert plan_of(longer, hurried).strategy == "memory"
    assert longer.measured == [15]
    for strategy in ("memory", "disk", "streaming"):
        assert any(strategy in line for line in longer.plan.lines())


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


@pytest.mark.slow
@pytest.mark.measured
@pytest.mark.parametrize("part", [0.5, 1.5])
def test_what_is_predicted_of_streaming_happens(planner_of, quick, part):
    source, rate = slowed(quick, SLEEP / 2), part * 2 * RATE
    consumer = Consumer(BATCH, BATCH / rate)
    predicted = plan_of(planner_of(rate, epochs=2, cache=False), source).forecasts[2].later_epochs

    made = feed(source, BATCH, training=True, options=FeedOptions(seed=3, strategy="streaming"))
    batches, device = iter(made.dataset), StandIn(consumer.step_seconds)
    for _ in range(made.steps_per_epoch):
        device.take(batches)
    waited = sum(device.take(batches) for _ in range(30))
    took = waited + 30 * consumer.step_seconds
    assert predicted.images_per_second == pytest.approx(30 * BATCH / took, rel=0.15)
    assert predicted.wait == pytest.approx(waited / took, abs=0.05)
