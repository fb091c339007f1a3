"""Load times of batches, recorded by the background threads that load them."""

import time
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from components.trainer.input.source import calls, cores, traced

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

    def gathering(self, batches: tf.data.Dataset, load: Callable) -> tf.data.Dataset:
        """Runs `batches.map(load)` in parallel; a load starts when `load` is called."""

        @traced
        def noted(passed, elements):
            start = tf.timestamp()
            with tf.control_dependencies([start]):
                return self._note(passed, start, _call(load, elements))

        return batches.enumerate(self._first_step).map(noted, calls())

    def reading(self, batches: tf.data.Dataset, load: Callable) -> tf.data.Dataset:
        """As `gathering`, but a load starts when the batch's elements are requested."""
        # Zip requests an element of each dataset in turn.
        asked = tf.data.Dataset.range(self._first_step, tf.int64.max)
        asked = asked.map(traced(lambda passed: (passed, tf.timestamp())))

        @traced
        def noted(asked, elements):
            return self._note(*asked, _call(load, elements))

        return tf.data.Dataset.zip((asked, batches)).map(noted, cores())

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
        noted[:, 1:] -= time.time() - time.perf_counter()
        return noted[noted[:, 0] > 0]


def _call(load: Callable, elements):
    return load(*elements) if isinstance(elements, tuple) else load(elements)
