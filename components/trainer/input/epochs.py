"""The epochs of an order as datasets, from any step on."""

import dataclasses
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from components.trainer.input.order import Order
from components.trainer.input.python_calls import numpy_function
from components.trainer.input.source import traced

ENDLESS = 2**40  # epochs


@dataclasses.dataclass(frozen=True)
class Epochs:
    """One worker's way through an order.

    All workers know every batch, and each takes its share; a resumed training starts in the
    middle of an epoch without reading what it skips. Fields that are not described are as in
    `FeedOptions`.
    """

    order: Order
    repeat: bool
    first_step: int = 0
    worker: int = 0  # the rank of this process, from 0
    workers: int = 1  # processes that train together
    # Maps the seed and an epoch's number to its examples, (positions,) int64, if some shall come
    # more often than others.
    balanced: Callable[[int, int], np.ndarray] | None = None

    def numbers(self) -> tf.data.Dataset:
        """The numbers of the examples, batch by batch: (batch / workers,) int64."""
        order = self.order

        def batches_of(epoch):
            if not self.balanced:
                return self._split(order.numbers(epoch))
            seed = tf.constant(order.seed, tf.int64)
            return self._split(numpy_function(self.balanced, [seed, epoch], tf.int64))

        return self.endless(self._chained(batches_of, batches_a_part=1))

    def plans(self) -> tf.data.Dataset:
        """What to read for each window, and the places in it, batch after batch: `Order`'s
        `pieces`, (pieces, 3) int64, and `places`, (positions,) int64."""
        order = self.order

        def windows_of(epoch):
            runs, ends = order.runs(epoch)
            windows = tf.data.Dataset.range(order.windows)
            return windows.map(traced(lambda window: (runs, ends, epoch, window)))

        @traced
        def plan(runs, ends, epoch, window):
            return order.pieces(runs, ends, window), order.places(epoch, window)

        return self._chained(windows_of, order.batches_a_window).map(plan)

    def cut(self, windows: tf.data.Dataset) -> tf.data.Dataset:
        """Batches of windows that were read as `plans` says.

        Args:
          windows: of the windows, with the places in each that `plans` gave.

        Returns:
          A dataset of the batch's window and the places in it of this worker's share of the
          batch: (batch / workers,) int64.
        """
        order = self.order

        @traced
        def batches_of(window, places):
            batches = tf.data.Dataset.from_tensor_slices(places)
            batches = batches.batch(order.batch_size, drop_remainder=order.drop_remainder)
            return tf.data.Dataset.zip(tf.data.Dataset.from_tensors(window).repeat(), batches)

        batches = windows.interleave(batches_of, cycle_length=1, num_parallel_calls=1)
        passed = self.first_step % order.steps_per_epoch % order.batches_a_window
        batches = batches.skip(passed) if passed else batches
        return self.endless(
            batches.map(traced(lambda window, places: (window, self._share(places))))
            if self.workers > 1
            else batches
        )

    def _chained(
        self, parts_of: Callable[[tf.Tensor], tf.data.Dataset], batches_a_part: int
    ) -> tf.data.Dataset:
        """The parts of all epochs, from the one that `first_step` is in.

        Args:
          parts_of: maps an epoch's number to its parts.
          batches_a_part: how many batches a part is, but for an epoch's last one.
        """
        first_epoch, passed = divmod(self.first_step, self.order.steps_per_epoch)
        last = ENDLESS if self.repeat else first_epoch + 1
        # Parallel, though with one call: it prepares the next epoch while this one is read.
        parts = tf.data.Dataset.range(first_epoch, last).interleave(
            traced(parts_of), cycle_length=1, num_parallel_calls=1
        )
        skipped = passed // batches_a_part
        return parts.skip(skipped) if skipped else parts

    def endless(self, dataset: tf.data.Dataset) -> tf.data.Dataset:
        """Marked as endless if it repeats: otherwise workers ask each other before every step
        whether more data follow."""
        if not self.repeat:
            return dataset
        mark = tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY)
        return dataset.apply(mark)

    def _share(self, batch: tf.Tensor) -> tf.Tensor:
        return batch[self.worker :: self.workers]

    def _split(self, numbers: tf.Tensor) -> tf.data.Dataset:
        order = self.order
        numbers = tf.ensure_shape(numbers, (order.positions,))
        whole = order.positions // order.batch_size
        rows = tf.reshape(numbers[: whole * order.batch_size], (whole, order.batch_size))
        batches = tf.data.Dataset.from_tensor_slices(rows[:, self.worker :: self.workers])
        if order.steps_per_epoch == whole:
            return batches
        rest = self._share(numbers[whole * order.batch_size :])
        return batches.concatenate(tf.data.Dataset.from_tensors(rest))
