"""A model's training step, fed by the input function and by one cached batch in turn."""

import dataclasses
import time
from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf

from components.trainer import devices
from components.trainer.certification.emulation import waits
from components.trainer.devices import Devices, distributed
from components.trainer.input.function import Input
from components.trainer.input.source import tf_data_options
from components.trainer.input.threads import giving_way
from components.trainer.model import build_model
from components.trainer.optimizer import build_optimizer
from components.trainer.training_step import Steps
from settings.model import Model
from settings.training import Training

_MEAN, _STD = 120.0, 70.0  # of pixels, 0..255; nearer is of no use to a measurement


@dataclasses.dataclass(frozen=True)
class Workload:
    """A network, what it answers, and its batches."""

    model: Model
    image_shape: tuple[int, int, int]
    classes: int
    batch_size: int
    task: str = "classification"  # or another of `Features.task`

    def build(self) -> keras.Model:
        channels = self.image_shape[-1]
        return build_model(
            self.model, self.image_shape, self.classes, [_MEAN] * channels, [_STD] * channels
        )


class FedStep:
    """The compiled step of one workload.

    Args:
      element_spec: of the batches that it takes.
      at_once: steps that one call takes.
    """

    def __init__(self, workload: Workload, training: Training, element_spec, chosen: Devices):
        self.devices, self.at_once = chosen, training.steps_per_execution
        self.batch_size = training.batch_size
        with chosen.strategy.scope(), chosen.policy():
            self._steps = Steps(
                workload.build(),
                build_optimizer(training, 100, chosen.precision),
                training,
                chosen.strategy,
                xla=chosen.xla,
                task=workload.task,
            )
        self._train = self._steps.compile_training(element_spec, self.at_once)

    def batches(self, source: Input) -> Iterator:
        """The input's batches as the Trainer takes them: copied to the device ahead of time."""
        ready = distributed(source.dataset, self.devices)
        return giving_way(ready) if self.devices.accelerated else iter(ready)

    def cached(self, source: Input) -> Iterator:
        """One of the input's batches again and again, on the same way to the device."""
        batch = tf.data.Dataset.from_tensors(next(iter(source.dataset))).repeat().prefetch(2)
        batch = batch.with_options(tf_data_options(deterministic=True))
        return iter(distributed(batch, self.devices))

    def seconds_of(self, batches: Iterator, calls: int) -> float:
        """For `calls` calls, from an idle device to an idle device."""
        began = time.perf_counter()
        for _ in range(calls):
            self._train([next(batches) for _ in range(self.at_once)])
        self._steps.training.totals()  # returns once the device has finished
        return time.perf_counter() - began

    def timed(self, batches: Iterator, seconds: float) -> tuple[float, list[float]]:
        """(images a second, seconds that each call waited for its batches)."""
        self._steps.training.totals()
        waits, began = [], time.perf_counter()
        while (asked := time.perf_counter()) - began < seconds:
            fetched = [next(batches) for _ in range(self.at_once)]
            waits.append(time.perf_counter() - asked)
            self._train(fetched)
        self._steps.training.totals()
        images = len(waits) * self.at_once * self.batch_size
        return images / (time.perf_counter() - began), waits


def measure(step: FedStep, source: Input, seconds: float, rounds: int) -> dict:
    """The step fed by `source` beside its ceiling, in turn, and what a stand-in predicts.

    Args:
      seconds: of each measurement.

    Returns:
      `first_call_seconds`: of one call, which compiles the step if no part before did.
      `input_alone`, `ceiling` and `real`: the medians, images a second. `real_to_ceiling`: the
      median of the rounds' ratios, and `ratios`, all of them. `wait_ms`: what a call waits, median
      and 99th percentile; an upper bound on an accelerator, which works on meanwhile.
      `emulated`: what a consumer with the ceiling's step time waits, and the images a second
      that follow.
    """
    fed, cached = step.batches(source), step.cached(source)
    compiling = step.seconds_of(cached, 1)
    step.seconds_of(fed, 2 + source.steps_per_epoch // step.at_once)  # past the first epoch
    real, ceiling, waits = [], [], []
    for number in range(2 * rounds):
        if (number + number // 2) % 2:  # Who goes first changes from round to round.
            rate, waited = step.timed(fed, seconds)
            real.append(rate)
            waits += waited
        else:
            ceiling.append(step.timed(cached, seconds)[0])
    ratios = [r / c for r, c in zip(real, ceiling, strict=True)]
    found = {
        "strategy": source.strategy,
        "batch": step.batch_size,
        "first_call_seconds": compiling,
        "ceiling": float(np.median(ceiling)),
        "real": float(np.median(real)),
        "real_to_ceiling": float(np.median(ratios)),
        "ratios": ratios,
        "wait_ms": {f"p{p}": 1000 * float(np.percentile(waits, p)) for p in (50, 99)},
    }
    return {**found, **_without_the_model(step, source, found["ceiling"], seconds)}


def _without_the_model(step: FedStep, source: Input, ceiling: float, seconds: float) -> dict:
    batches = giving_way(source.dataset) if step.devices.accelerated else iter(source.dataset)
    for _ in range(source.steps_per_epoch):
        next(batches)
    began, count = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        next(batches)
        count += 1
    alone = count * step.batch_size / (time.perf_counter() - began)
    waited = waits(batches, step.batch_size / ceiling, seconds)
    rate = ceiling * (1 - waited.share)
    emulated = {"wait_share": waited.share, "wait_p99": waited.p99, "images_per_second": rate}
    return {"input_alone": alone, "emulated": emulated}


def choose(training: Training) -> Devices:
    """The devices of this machine, seeded, as the Trainer chooses them."""
    devices.prepare(seed=1, deterministic=False)
    return devices.choose(training, {})
