"""Measures the ceiling: how fast a training would be if it never waited for data."""

import time
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from components.trainer.devices import Devices, distributed
from components.trainer.input.source import tf_data_options

_AHEAD = 2


def measure(
    batch, train: Callable, devices: Devices, at_once: int, calls: int, wait: Callable[[], object]
) -> tuple[float, float]:
    """Measures the ceiling of a training by repeating one cached batch.

    The batch has the dtype and shape of the training's batches and reaches the devices in the
    same way. Ceilings of another dtype or without prefetch were measured below the speed of the
    real pipeline (https://github.com/tensorflow/models/issues/5225).

    Args:
      batch: (images, targets), the training's last batch.
      train: the compiled step, a function of a list of `at_once` batches. It changes the weights.
      calls: the number of calls to time; the same on every worker.
      wait: returns once the devices have finished all their work.

    Returns:
      Seconds per step, fetching included, and those for fetching a batch that is ready.
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

    call()  # The first call fills the prefetch buffer.
    wait()
    began = time.perf_counter()
    fetches, whole = zip(*(call() for _ in range(calls)), strict=True)
    wait()
    if tf.config.list_physical_devices("GPU"):  # A call returns before its step ends.
        step = (time.perf_counter() - began) / calls
    else:
        step = float(np.median(whole))  # One disturbed call does not count.
    return step / at_once, float(np.median(fetches)) / at_once
