"""In which order examples come: a permutation for each epoch, from the seed alone."""

import dataclasses
import random

import tensorflow as tf

_ENDLESS = 2**40  # epochs


@dataclasses.dataclass(frozen=True)
class Order:
    """Which examples make which batch.

    The epoch's permutation depends on the seed and the epoch's number and on nothing that
    came before, so a resumed training starts in the middle at no cost, and every worker
    computes the same order and takes its share.

    Attributes: as `input_function`'s arguments.
    """

    examples: int
    batch_size: int
    shuffle: bool
    seed: int | None = None
    repeat: bool = False
    drop_remainder: bool = False
    first_step: int = 0
    worker: int = 0
    workers: int = 1

    @property
    def steps_per_epoch(self) -> int:
        whole, rest = divmod(self.examples, self.batch_size)
        return whole if self.drop_remainder or not rest else whole + 1

    def batches(self) -> tf.data.Dataset:
        """A dataset of (batch / workers,) int64: the examples' numbers, batch by batch."""
        first_epoch, passed = divmod(self.first_step, self.steps_per_epoch)
        seed = random.SystemRandom().getrandbits(31) if self.seed is None else self.seed

        def epoch_batches(epoch):
            order = tf.range(self.examples, dtype=tf.int64)
            if self.shuffle:
                order = tf.random.experimental.stateless_shuffle(order, seed=[seed, epoch])
            return self._split(order)

        last = _ENDLESS if self.repeat else first_epoch + 1
        epochs = tf.data.Dataset.range(first_epoch, last)
        return epochs.flat_map(epoch_batches).skip(passed)

    def _split(self, order: tf.Tensor) -> tf.data.Dataset:
        whole = self.examples // self.batch_size
        rows = tf.reshape(order[: whole * self.batch_size], (whole, self.batch_size))
        batches = tf.data.Dataset.from_tensor_slices(rows[:, self.worker :: self.workers])
        if self.steps_per_epoch == whole:
            return batches
        rest = order[whole * self.batch_size :][self.worker :: self.workers]
        return batches.concatenate(tf.data.Dataset.from_tensors(rest))
