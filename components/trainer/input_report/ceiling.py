"""How fast a training would be if data were always there: one batch, again and again."""

import dataclasses
import time
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from components.trainer.devices import Devices
from components.trainer.distribution import distributed
from components.trainer.input.source import tf_data_options

_AHEAD = 2


@dataclasses.dataclass(frozen=True)
class Ceiling:
    """What one step costs on data that are always there.

    Attributes:
      step: seconds of it, all in all.
      fetch: seconds of these for the call that hands over a batch that is ready. Nobody waits
        for data in it.
    """

    step: float
    fetch: float


def measure(
    batch, train: Callable, devices: Devices, at_once: int, calls: int, wait: Callable[[], object]
) -> Ceiling:
    """The ceiling of a training on one cached batch.

    The batch has the training's own dtype and shape and goes the training's own way to the
    devices; a ceiling of another dtype or without prefetch came out below the real pipeline
    (https://github.com/tensorflow/models/issues/5225).

    Args:
      batch: (images, targets) as the training took them last.
      train: the compiled step, a function of a list of `at_once` batches. It changes the weights.
      devices: of the training.
      at_once: steps a call.
      calls: how many are timed; every worker must do the same number.
      wait: returns once the devices have done all that they were told to.
    """
    local = tuple(
        tf.concat(devices.strategy.experimental_local_results(part), axis=0) for part in batch
    )
    dataset = tf.data.Dataset.from_tensors(local).repeat().prefetch(_AHEAD)
    batches = iter(distributed(dataset.with_options(tf_data_options(deterministic=True)), devices))

    def call() -> tuple[float, float]:
        asked = time.perf_counter()
        fetched = [next(batches) for _ in range(at_once)]
        arrived = time.perf_counter()
        train(fetched)
        return arrived - asked, time.perf_counter() - asked

    call()  # The first one fills the prefetch buffer.
    wait()
    began = time.perf_counter()
    fetches, whole = zip(*(call() for _ in range(calls)), strict=True)
    wait()
    if tf.config.list_physical_devices("GPU"):  # A call returns before its step is done.
        step = (time.perf_counter() - began) / calls
    else:
        step = float(np.median(whole))  # A few calls: one that was disturbed is not to count.
    return Ceiling(step / at_once, float(np.median(fetches)) / at_once)
