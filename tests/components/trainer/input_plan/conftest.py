"""Digits whose decoder sleeps for a known time an image, and planners for them."""

import dataclasses
import threading
import time

import pytest
import tensorflow as tf

from components.trainer.checkpoints import Checkpoints
from components.trainer.input.features import LABEL, image_feature
from components.trainer.input.options import FeedOptions
from components.trainer.input.records import source as records_source
from components.trainer.input_plan.planner import Planner
from components.trainer.input_plan.prediction import Consumer
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
