"""In which order examples come: a permutation for each epoch, from the seed alone."""

import dataclasses
from collections.abc import Callable

import tensorflow as tf

from components.trainer.input.source import traced

_ENDLESS = 2**40  # epochs


@dataclasses.dataclass(frozen=True)
class Order:
    """Which examples make which batch.

    An epoch's order depends on the seed and the epoch's number and on nothing that came
    before: a resumed training starts in the middle without reading what it passes over, and
    every worker finds the same batches and takes its share of each.

    Attributes:
      examples: how many there are.
      batch_size, repeat, drop_remainder, first_step, worker, workers: as `input_function`'s.
      shuffle: whether the examples are shuffled, anew in every epoch.
      seed: of the order.
      deterministic: whether a batch that is ready early waits for those before it.
    """

    examples: int
    batch_size: int
    shuffle: bool
    seed: int
    repeat: bool
    drop_remainder: bool
    deterministic: bool
    first_step: int = 0
    worker: int = 0
    workers: int = 1

    @property
    def steps_per_epoch(self) -> int:
        whole, rest = divmod(self.examples, self.batch_size)
        return whole if self.drop_remainder or not rest else whole + 1

    def epochs(self, batches_of: Callable[[tf.Tensor], tf.data.Dataset]) -> tf.data.Dataset:
        """Chains the epochs' batches, from the first step on.

        Args:
          batches_of: an epoch's seed, (2,) int64, -> its batches.
        """
        first_epoch, passed = divmod(self.first_step, self.steps_per_epoch)
        last = _ENDLESS if self.repeat else first_epoch + 1
        # Parallel, though one at a time: the next epoch is made ready while this one is read.
        batches = tf.data.Dataset.range(first_epoch, last).interleave(
            traced(lambda epoch: batches_of(tf.stack([self.seed, epoch]))),
            cycle_length=1,
            num_parallel_calls=1,
        )
        batches = batches.skip(passed) if passed else batches
        if self.repeat:
            # Or several workers would ask each other before every step whether there is another.
            endless = tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY)
            batches = batches.apply(endless)
        return batches

    def numbers(self) -> tf.data.Dataset:
        """The examples' numbers, batch by batch: (batch / workers,) int64."""

        def batches_of(seed):
            numbers = tf.range(self.examples, dtype=tf.int64)
            if self.shuffle:
                numbers = tf.random.experimental.stateless_shuffle(numbers, seed)
            return self._split(numbers)

        return self.epochs(batches_of)

    def share(self, batch: tf.Tensor) -> tf.Tensor:
        """This worker's part of a batch, (batch, ...) to (batch / workers, ...)."""
        return batch[self.worker :: self.workers]

    def _split(self, order: tf.Tensor) -> tf.data.Dataset:
        whole = self.examples // self.batch_size
        rows = tf.reshape(order[: whole * self.batch_size], (whole, self.batch_size))
        batches = tf.data.Dataset.from_tensor_slices(rows[:, self.worker :: self.workers])
        if self.steps_per_epoch == whole:
            return batches
        rest = self.share(order[whole * self.batch_size :])
        return batches.concatenate(tf.data.Dataset.from_tensors(rest))
