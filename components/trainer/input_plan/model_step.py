"""Measures a model's training step before the training, and leaves no trace of it."""

import time
from collections.abc import Callable, Iterator

import tensorflow as tf

from components.trainer.devices import Devices
from components.trainer.input_plan.plan import Stage
from components.trainer.input_plan.prediction import Consumer
from components.trainer.input_plan.speed import at_most, core_seconds
from components.trainer.input_report.ceiling import always_there
from components.trainer.training_step import Steps

_FEWEST = 2  # calls, however long a step takes
_TOGETHER = 3  # calls of several workers, whose clocks would not agree on a number


def measure(
    steps: Steps,
    batch: tuple[tf.Tensor, ...],
    devices: Devices,
    at_once: int,
    batch_size: int,
    seconds: float,
) -> tuple[Consumer, list[Stage]]:
    """The step with a batch that is always there, and how fast batches reach an accelerator.

    What is compiled here serves the training. Its variables are put back as they were.

    Args:
      batch: images and targets, this worker's share of a batch.
      at_once: steps that a call takes.
      batch_size: over all workers.
      seconds: about how long to measure, after the step was compiled.
    """
    cached = always_there(batch, devices)
    train = steps.compile_training(cached.element_spec, at_once)
    before = [variable.numpy() for variable in steps.variables]
    calls = _TOGETHER if devices.workers > 1 else None
    try:
        train(_taken(cached, at_once))
        steps.training.totals()  # returns once the devices have finished
        consumer = _timed(train, cached, at_once, batch_size, seconds, calls, steps)
    finally:
        for variable, value in zip(steps.variables, before, strict=True):
            variable.assign(value)
    if not devices.accelerated:
        return consumer, []
    copied = at_most(cached, batch_size, seconds / 4, fewest=2)
    return consumer, [Stage("copy", copied.images_per_second)]


def _timed(
    train: Callable,
    cached: Iterator,
    at_once: int,
    batch_size: int,
    seconds: float,
    calls: int | None,
    steps: Steps,
) -> Consumer:
    began, worked, count = time.perf_counter(), core_seconds(), 0
    while count < (calls or _FEWEST) or (calls is None and time.perf_counter() - began < seconds):
        train(_taken(cached, at_once))
        count += 1
    steps.training.totals()
    count *= at_once
    taken = (time.perf_counter() - began) / count
    return Consumer(batch_size, taken, (core_seconds() - worked) / count)


def _taken(batches: Iterator, count: int) -> list:
    return [next(batches) for _ in range(count)]
