"""Streaming whose images other machines read and decode: tf.data service.

The windows of the epochs are dealt out, each to one worker of the service, so its batches are those
that streaming makes with the same seed, in about the same order: between two epochs, some of the
next come early. tf.data promises each window at most once: those that a lost worker had are
missing. A training that resumes deals out the windows from its step on, whichever came before.
"""

import dataclasses
import queue
import threading
from collections.abc import Iterable, Iterator

import tensorflow as tf

from components.trainer.input import decode, streaming
from components.trainer.input.epochs import ENDLESS, Epochs
from components.trainer.input.options import DataService
from components.trainer.input.source import Source, traced
from failures import SurroundingsFailure

_ASKED_BYTES = 256 << 20  # of batches that are on their way
_ASKED_BATCHES = (2, 16)


def batches(source: Source, epochs: Epochs, service: DataService) -> tf.data.Dataset:
    """Batches that are decoded elsewhere; the service's workers read the files by their paths."""
    order, steps = epochs.order, epochs.order.steps_per_epoch
    first_epoch, passed = divmod(epochs.first_step, steps)
    last_epoch = ENDLESS if epochs.repeat else first_epoch + 1
    dealt = Dealt(
        order,
        repeat=False,
        first=first_epoch * order.windows + passed // order.batches_a_window,
        last=last_epoch * order.windows,
    )
    elements, load = streaming.batches(source, dealt)
    outside = decode.elsewhere.set(True)
    try:
        # As many at once as the worker's machine has cores, not as this one has.
        decoded = elements.map(traced(load), tf.data.AUTOTUNE).with_options(_options())
    finally:
        decode.elsewhere.reset(outside)
    fewest, most = _ASKED_BATCHES
    found = decoded.apply(
        tf.data.experimental.service.distribute(
            tf.data.experimental.service.ShardingPolicy.DYNAMIC,
            service.address,
            max_outstanding_requests=min(
                most, max(fewest, _ASKED_BYTES // (order.batch_size * source.row_bytes))
            ),
            compression=None,  # It costs the cores that are wanting.
        )
    )
    return epochs.endless(found)


def in_time(batches: Iterable, service: DataService) -> Iterator:
    """The batches of a service, whose workers have been seen to hang.

    Raises:
      Failure: none came within `service.timeout_seconds`.
    """
    asked, came = queue.SimpleQueue(), queue.SimpleQueue()

    def fetch():
        source = iter(batches)
        while asked.get():
            try:
                came.put((next(source), None))
            except BaseException as error:
                came.put((None, error))

    # A thread that hangs with the service must not keep this process from its end.
    threading.Thread(target=fetch, daemon=True).start()
    try:
        while True:
            asked.put(True)
            try:
                batch, error = came.get(timeout=service.timeout_seconds)
            except queue.Empty:
                raise SurroundingsFailure(
                    f"No batch came from the data service at {service.address} within "
                    f"{service.timeout_seconds:g} seconds. See its workers' logs and start again "
                    "those that hang; training.input.data_service_timeout_seconds sets how long "
                    "a batch may take."
                ) from None
            if isinstance(error, StopIteration):
                return
            if error:
                raise error
            yield batch
    finally:
        asked.put(False)


@dataclasses.dataclass(frozen=True)
class Dealt(Epochs):
    """The windows of all epochs as one range of numbers, which tf.data service deals out."""

    first: int = 0
    last: int = 0

    def plans(self) -> tf.data.Dataset:
        order = self.order

        @traced
        def plan(known, number):
            epoch, window = number // order.windows, number % order.windows
            # Any worker may get any window, but seldom one of another epoch than the last.
            known = tf.cond(known[0] == epoch, lambda: known, lambda: (epoch, *order.runs(epoch)))
            _, runs, ends = known
            return known, (order.pieces(runs, ends, window), order.places(epoch, window))

        none = tf.constant(-1, tf.int64), tf.zeros((0, 3), tf.int64), tf.zeros(0, tf.int64)
        return tf.data.Dataset.range(self.first, self.last).scan(none, plan)


def _options() -> tf.data.Options:
    """How a worker of the service runs its part."""
    chosen = tf.data.Options()
    chosen.deterministic = True
    chosen.threading.max_intra_op_parallelism = 1
    # TensorFlow 2.21 crashes in the dispatcher where it looks for a `skip` or `take` of nothing.
    chosen.experimental_optimization.apply_default_optimizations = False
    chosen.experimental_optimization.noop_elimination = False
    return chosen
