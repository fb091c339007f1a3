"""The order of examples: a function of the seed, the epoch and the position alone.

Examples are numbered from 0 as they lie in the files, one file after the other.  Every epoch
joins runs of neighbours in a new sequence, cuts it into windows and shuffles each of them.  So
every strategy follows the same order: files are read in large pieces from any position on, and
data that fit into one window are shuffled completely.
"""

import dataclasses
import functools

import numpy as np
import tensorflow as tf

RULE = 2  # to be counted up when the same seed gives another order
_RUN_BYTES = 1 << 20  # decoded: large enough for a disk, small beside a window
WINDOW_BYTES = 32 << 20  # decoded
HELD_BYTES = 5 * WINDOW_BYTES  # by the disk and streaming strategies, about
_PHILOX, _DRAWN = 1, 2  # TensorFlow's name of the generator, and the numbers it draws at once
_OF_RUNS = 2**62  # where the runs' random numbers begin, behind those of any window


def run_length(row_bytes: int) -> int:
    """How many examples are read from one file before the next is turned to.

    Args:
      row_bytes: the decoded size of an example.
    """
    return max(1, _RUN_BYTES // row_bytes)


@dataclasses.dataclass(frozen=True)
class Order:
    """Which example comes at which position of which epoch.

    Step s of an epoch takes the positions from s * batch_size on; of each batch, every worker
    takes its share.
    """

    parts: tuple[int, ...]  # examples of each file
    row_bytes: int  # the decoded size of an example
    batch_size: int  # over all workers
    shuffle: bool
    seed: int
    drop_remainder: bool  # leave out what fills no batch

    @functools.cached_property
    def examples(self) -> int:
        return sum(self.parts)

    @property
    def steps_per_epoch(self) -> int:
        whole, rest = divmod(self.examples, self.batch_size)
        return whole if self.drop_remainder or not rest else whole + 1

    @property
    def positions(self) -> int:
        """How many an epoch has."""
        return min(self.examples, self.steps_per_epoch * self.batch_size)

    @property
    def batches_a_window(self) -> int:
        most = max(1, WINDOW_BYTES // self.row_bytes // self.batch_size)
        return min(most, -(-self.examples // self.batch_size))

    @property
    def windows(self) -> int:
        return -(-self.steps_per_epoch // self.batches_a_window)

    def state(self, step: int) -> dict[str, int]:
        """What a checkpoint after `step` steps keeps of the order, as JSON values."""
        epoch, passed = divmod(step, self.steps_per_epoch)
        return self.identity | {"epoch": epoch, "position": passed * self.batch_size}

    @property
    def identity(self) -> dict[str, int]:
        """What makes two orders the same, as JSON values."""
        return {
            "rule": RULE,
            "seed": self.seed,
            "examples": self.examples,
            "batch_size": self.batch_size,
        }

    @property
    def window(self) -> int:
        """How many positions each window has, but for an epoch's last one."""
        return self.batches_a_window * self.batch_size

    def runs(self, epoch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The runs in an epoch's sequence.

        Returns:
          (runs, 3) int64, the part's number, the first example in it and how many; and (runs,)
          int64, how many examples a run and those before it have.
        """
        runs = tf.constant(self._runs)
        if self.shuffle:
            drawn = self._draws(epoch, _OF_RUNS, 1, len(self._runs))[0]
            runs = tf.gather(runs, tf.argsort(drawn))
        return runs, tf.cumsum(runs[:, 2])

    def pieces(self, runs: tf.Tensor, ends: tf.Tensor, window: tf.Tensor) -> tf.Tensor:
        """What a window is read from, in this sequence, given an epoch's `runs`.

        Returns:
          (pieces, 3) int64: the part's number, the first example in it and how many.
        """
        start = window * self.window
        end = tf.minimum(start + self.window, self.examples)
        first = tf.searchsorted(ends, [start], side="right")[0]
        last = tf.searchsorted(ends, [end], side="left")[0]
        pieces, ends = runs[first : last + 1], ends[first : last + 1]
        # The first and the last one may be in two windows.
        passed = tf.maximum(start - (ends - pieces[:, 2]), 0)
        left = tf.maximum(ends - end, 0)
        part, begin, count = tf.unstack(pieces, axis=1)
        return tf.stack([part, begin + passed, count - passed - left], axis=1)

    def places(self, epoch: tf.Tensor, window: tf.Tensor) -> tf.Tensor:
        """The places in a window as it is read of the examples at its positions, int64."""
        start = window * self.window
        size = tf.minimum(tf.constant(self.window, tf.int64), self.examples - start)
        places = self._shuffles(epoch, window, 1, size)[0] if self.shuffle else tf.range(size)
        return places[: self.positions - start]

    def numbers(self, epoch: tf.Tensor) -> tf.Tensor:
        """The number of the example at each position: (positions,) int64."""
        if not self.shuffle:
            return tf.range(self.positions, dtype=tf.int64)
        runs, _ = self.runs(epoch)
        begins = tf.gather(tf.cumsum(tf.constant(self.parts, tf.int64), exclusive=True), runs[:, 0])
        begins += runs[:, 1]
        numbers = tf.ragged.range(begins, begins + runs[:, 2]).flat_values
        whole, rest = divmod(self.examples, self.window)
        rows = tf.reshape(numbers[: whole * self.window], (whole, self.window))
        rows = tf.gather(rows, self._shuffles(epoch, 0, whole, self.window), axis=1, batch_dims=1)
        last = numbers[whole * self.window :]
        last = tf.gather(last, self._shuffles(epoch, whole, 1, rest)[0])
        return tf.concat([tf.reshape(rows, [-1]), last], axis=0)[: self.positions]

    def _shuffles(self, epoch, window, count: int, size) -> tf.Tensor:
        """(count, size) int64: a permutation for each window from `window` on."""
        draws = -(-self.window // _DRAWN)  # of every window, so that each is found by itself
        drawn = self._draws(epoch, window * draws, count, draws * _DRAWN)
        return tf.cast(tf.argsort(drawn[:, :size], axis=1), tf.int64)

    def _draws(self, epoch, begin, count: int, size: int) -> tf.Tensor:
        """(count, size) int64, random, from the place `begin` of the epoch's random numbers on."""
        epoch, begin = tf.cast(epoch, tf.int64), tf.cast(begin, tf.uint64)
        seed = tf.stack([tf.constant(self.seed, tf.int64), epoch])
        key, counter = tf.raw_ops.StatelessRandomGetKeyCounter(seed=seed)
        counter += tf.stack([begin, tf.constant(0, tf.uint64)])
        return tf.raw_ops.StatelessRandomUniformFullIntV2(
            shape=(count, size), key=key, counter=counter, alg=_PHILOX, dtype=tf.int64
        )

    @functools.cached_property
    def _runs(self) -> np.ndarray:
        """(runs, 3) int64, as of `runs`, in the sequence of the files."""
        most = run_length(self.row_bytes)
        runs = [
            (part, first, min(most, count - first))
            for part, count in enumerate(self.parts)
            for first in range(0, count, most)
        ]
        return np.array(runs, np.int64).reshape(-1, 3)
