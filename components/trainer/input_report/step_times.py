"""When each step asked for its data, got it, and was done."""

import array


class StepTimes:
    """Times of a training's calls, cheap to take: three numbers a call, kept as doubles.

    A call does one step, or as many as `steps_per_execution` says.
    """

    def __init__(self):
        self._times = array.array("d")

    def add(self, step: int, steps: int, asked: float, arrived: float, done: float) -> None:
        """Notes one call.

        Args:
          step: the last one that it did, counted from 1 over the whole training.
          steps: how many it did.
          asked, arrived, done: seconds of `time.perf_counter`.
        """
        self._times.extend((step, steps, asked, arrived, done))
