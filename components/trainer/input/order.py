"""The order of examples: a permutation for each epoch, derived from the seed alone."""

import dataclasses
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from components.trainer.input.source import traced

_ENDLESS = 2**40  # epochs


@dataclasses.dataclass(frozen=True)
class Order:
    """Assigns examples to batches.

    An epoch's order depends only on the seed and the epoch's number.  So a resumed training
    starts in the middle without reading the examples it skips, and all workers compute the same
    batches and each takes its share. Fields that are not described are as in `FeedOptions`.
    """

    examples: int
    batch_size: int  # over all workers
    shuffle: bool
    seed: int
    repeat: bool
    drop_remainder: bool
    deterministic: bool
    first_step: int = 0
    worker: int = 0  # the rank of this process, from 0
    workers: int = 1  # processes that train together
    # Maps the seed and an epoch's number to its examples, (examples,) int64, if some shall come
    # more often than others.
    balanced: Callable[[int, int], np.ndarray] | None = None

    @property
    def steps_per_epoch(self) -> int:
        whole, rest = divmod(self.examples, self.batch_size)
        return whole if self.drop_remainder or not rest else whole + 1

    def epochs(
        self, parts_of: Callable[[tf.Tensor], tf.data.Dataset], batches_a_part: int = 1
    ) -> tf.data.Dataset:
        """Chains the parts of all epochs, starting with that of `first_step`.

        Args:
          parts_of: maps an epoch's seed, (2,) int64, to its parts.
          batches_a_part: how many batches a part is, but for an epoch's last one.
        """
        first_epoch, passed = divmod(self.first_step, self.steps_per_epoch)
        last = _ENDLESS if self.repeat else first_epoch + 1
        # Parallel, though with one call: it prepares the next epoch while this one is read.
        parts = tf.data.Dataset.range(first_epoch, last).interleave(
            traced(lambda epoch: parts_of(tf.stack([self.seed, epoch]))),
            cycle_length=1,
            num_parallel_calls=1,
        )
        skipped = passed // batches_a_part
        return self.endless(parts.skip(skipped) if skipped else parts)

    def endless(self, dataset: tf.data.Dataset) -> tf.data.Dataset:
        """Marked as endless if it repeats: otherwise workers ask each other before every step
        whether more data follow."""
        if not self.repeat:
            return dataset
        mark = tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY)
        return dataset.apply(mark)

    def numbers(self) -> tf.data.Dataset:
        """The indices of the examples, batch by batch: (batch / workers,) int64."""

        def batches_of(seed):
            if self.balanced:
                numbers = tf.numpy_function(self.balanced, [seed[0], seed[1]], tf.int64, False)
                return self._split(tf.ensure_shape(numbers, (self.examples,)))
            numbers = tf.range(self.examples, dtype=tf.int64)
            if self.shuffle:
                numbers = tf.random.experimental.stateless_shuffle(numbers, seed)
            return self._split(numbers)

        return self.epochs(batches_of)

    def share(self, batch: tf.Tensor) -> tf.Tensor:
        """This worker's share of a batch: (batch, ...) to (batch / workers, ...)."""
        return batch[self.worker :: self.workers]

    def _split(self, order: tf.Tensor) -> tf.data.Dataset:
        whole = self.examples // self.batch_size
        rows = tf.reshape(order[: whole * self.batch_size], (whole, self.batch_size))
        batches = tf.data.Dataset.from_tensor_slices(rows[:, self.worker :: self.workers])
        if self.steps_per_epoch == whole:
            return batches
        rest = self.share(order[whole * self.batch_size :])
        return batches.concatenate(tf.data.Dataset.from_tensors(rest))
