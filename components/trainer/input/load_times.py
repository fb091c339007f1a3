"""When each batch was loaded, noted by the background threads that load it."""

import time
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from components.trainer.input.source import calls, cores, traced

_KEPT = 4096  # batches, far more than are made ahead


class LoadTimes:
    """The last batches' times, in a variable that the dataset itself writes to.

    Beside the batches and not in them: a component more would have to be kept apart wherever
    batches are split over devices or copied to one.  A variable and not a Python function: that
    would take the interpreter's lock from the training loop at every batch.

    Args:
      first_step: how many batches are passed over, when a training resumes.
    """

    def __init__(self, first_step: int):
        self._first_step = first_step
        with tf.device("CPU"):
            unknown = tf.fill((_KEPT, 3), tf.constant(-1.0, tf.float64))
            self._noted = tf.Variable(unknown, trainable=False)  # step, start, end

    def gathering(self, batches: tf.data.Dataset, load: Callable) -> tf.data.Dataset:
        """`batches.map(load)` in parallel; a batch's load begins when `load` is called."""

        @traced
        def noted(passed, elements):
            start = tf.timestamp()
            with tf.control_dependencies([start]):
                return self._note(passed, start, _call(load, elements))

        return batches.enumerate(self._first_step).map(noted, calls())

    def reading(self, batches: tf.data.Dataset, load: Callable) -> tf.data.Dataset:
        """The same; a batch's load begins when its elements are asked for."""
        # A zip asks its datasets in turn.
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
        # `scatter_update` of the variable would make another variable object of every trace.
        tf.raw_ops.ResourceScatterUpdate(
            resource=self._noted.handle, indices=passed % _KEPT, updates=row
        )
        return batch

    def last(self) -> np.ndarray:
        """What is noted of the last batches, those made ahead of their step included.

        Returns:
          (batches, 3) float64, at most 4096 in no order: the step that takes the batch, from 1;
          start and end of its loading, seconds of `time.perf_counter`.
        """
        noted = self._noted.numpy()
        # Taken anew each time: the wall clock, which `tf.timestamp` has, is set now and then.
        noted[:, 1:] -= time.time() - time.perf_counter()
        return noted[noted[:, 0] > 0]


def _call(load: Callable, elements):
    return load(*elements) if isinstance(elements, tuple) else load(elements)
