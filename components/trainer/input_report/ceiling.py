"""Measures the ceiling: how fast a training would be if it never waited for data."""

import dataclasses
import time
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

from components.trainer.devices import Devices, distributed
from components.trainer.input.source import tf_data_options

_AHEAD = 2


@dataclasses.dataclass(frozen=True)
class Plan:
    """How much to measure: pairs of a block of fed calls and a block of cached ones."""

    pairs: int
    calls: int  # in each block


@dataclasses.dataclass(frozen=True)
class Ceiling:
    """A training's step with its input and without, measured in turn."""

    fetch_seconds: float  # per step, for fetching a batch that is ready
    # Of each pair: seconds of the block without input as a share of the fed block's, its waits
    # left out. Waits are the training's own to say: blocks are so short that buffers hide them.
    ratios: tuple[float, ...]


def measure(
    fed: Iterator,
    batch,
    train: Callable,
    devices: Devices,
    at_once: int,
    plan: Plan,
    wait: Callable[[], object],
) -> Ceiling:
    """Trains on the next batches and on one cached batch, in turn.

    A machine that becomes slower meanwhile slows both; measured one after the other, they made
    trainings faster than their ceiling. The batch has the dtype and shape of the training's
    batches and reaches the devices in the same way: ceilings of another dtype or without prefetch
    were measured below the speed of the real pipeline
    (https://github.com/tensorflow/models/issues/5225).

    Args:
      fed: the training's batches, which go on after its last step.
      batch: (images, targets), the training's last batch.
      train: the compiled step, a function of a list of `at_once` batches. It changes the weights.
      plan: the same on every worker.
      wait: returns once the devices have finished all their work.
    """
    local = tuple(
        tf.concat(devices.strategy.experimental_local_results(part), axis=0) for part in batch
    )
    cached = always_there(local, devices)

    def block(batches: Iterator) -> tuple[float, list[float]]:
        """Seconds of the whole block, and of each call's fetching."""
        fetches, began = [], time.perf_counter()
        for _ in range(plan.calls):
            asked = time.perf_counter()
            fetched = [next(batches) for _ in range(at_once)]
            fetches.append(time.perf_counter() - asked)
            train(fetched)
        if devices.accelerated:  # A call returns before its step ends.
            wait()
        return time.perf_counter() - began, fetches

    train([next(cached) for _ in range(at_once)])  # The first fetch fills the prefetch buffer.
    wait()
    blocks = {"fed": [], "cached": []}
    for number in range(2 * plan.pairs):
        # Which of the two goes first changes from pair to pair.
        name = "fed" if (number + number // 2) % 2 else "cached"
        blocks[name].append(block(fed if name == "fed" else cached))
    ready = float(np.median([fetch for _, fetches in blocks["cached"] for fetch in fetches]))
    ratios = tuple(
        without / (seconds - sum(max(0.0, fetch - ready) for fetch in fetches))
        for (without, _), (seconds, fetches) in zip(blocks["cached"], blocks["fed"], strict=True)
    )
    return Ceiling(ready / at_once, ratios)


def always_there(batch: tuple[tf.Tensor, ...], devices: Devices) -> Iterator:
    """One batch of this process again and again, on its way to the devices like any other."""
    dataset = tf.data.Dataset.from_tensors(batch).repeat().prefetch(_AHEAD)
    dataset = dataset.with_options(tf_data_options(deterministic=True))
    return iter(distributed(dataset, devices))
