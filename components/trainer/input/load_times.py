"""Load times of batches, recorded by the background threads that load them."""

import time
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from components.trainer.input.source import traced

_KEPT = 4096  # batches, far more than are prefetched


class LoadTimes:
    """Load times of the latest batches, in a variable that the dataset writes.

    The times are not part of the batches: code that splits batches over devices or copies them
    to one would have to separate an additional component.  The dataset writes a variable instead
    of calling a Python function, because that function would take the interpreter's lock from
    the training loop at every batch.

    Args:
      first_step: the number of batches that a resumed training skips.
    """

    def __init__(self, first_step: int):
        self._first_step = first_step
        with tf.device("CPU"):
            unknown = tf.fill((_KEPT, 3), tf.constant(-1.0, tf.float64))
            self._noted = tf.Variable(unknown, trainable=False)  # step, start, end

    def loaded(self, elements: tf.data.Dataset, load: Callable, calls: int) -> tf.data.Dataset:
        """`elements.map(load, calls)`; a load starts when its element is requested."""
        # Zip requests an element of each dataset in turn.
        asked = tf.data.Dataset.range(self._first_step, tf.int64.max)
        asked = asked.map(traced(lambda passed: (passed, tf.timestamp())))

        @traced
        def noted(asked, element):
            batch = load(*element) if isinstance(element, tuple) else load(element)
            return self._note(*asked, batch)

        return tf.data.Dataset.zip((asked, elements)).map(noted, calls)

    def _note(self, passed, start, batch):
        with tf.control_dependencies(batch):
            end = tf.timestamp()
        row = tf.stack([tf.cast(passed + 1, tf.float64), start, end])
        # `scatter_update` of the variable would create a variable object at every trace.
        tf.raw_ops.ResourceScatterUpdate(
            resource=self._noted.handle, indices=passed % _KEPT, updates=row
        )
        return batch

    def last(self) -> np.ndarray:
        """The times of the latest batches, including prefetched ones.

        Returns:
          (batches, 3) float64, at most 4096 rows, unordered: the step that takes the batch, from
          1; when its loading started and ended, in seconds of `time.perf_counter`.
        """
        noted = self._noted.numpy()
        # Computed at every call: `tf.timestamp` reads the wall clock, which may be adjusted.
        noted[:, 1:] -= _wall_clock_ahead()
        return noted[noted[:, 0] > 0]


def _wall_clock_ahead() -> float:
    """Seconds from `time.perf_counter` to `time.time`.

    A busy machine may stop this thread between the two, so the closest of several readings counts.
    """
    readings = []
    for _ in range(5):
        before, wall, after = time.perf_counter(), time.time(), time.perf_counter()
        readings.append((after - before, wall - (before + after) / 2))
    return min(readings)[1]
