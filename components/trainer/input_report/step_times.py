"""When each step asked for its data, got it, and was done."""

import array
import dataclasses

import numpy as np

_COLUMNS = 5


class StepTimes:
    """Times of a training's calls, cheap to take: five numbers a call, kept as doubles.

    A call does one step, or as many as `steps_per_execution` says. It lasts until the next one
    asks for its data, so that what a device still computes when the call returns counts to it.
    """

    def __init__(self):
        self._calls = array.array("d")
        self._ends = {}

    def add(self, step: int, steps: int, asked: float, arrived: float, done: float) -> None:
        """Notes one call.

        Args:
          step: the last one that it did, counted from 1 over the whole training.
          steps: how many it did.
          asked, arrived, done: seconds of `time.perf_counter`.
        """
        self._calls.extend((step, steps, asked, arrived, done))

    def stop(self, now: float) -> None:
        """Ends the last call: what follows until the next one is not training."""
        if self._calls:
            self._ends[len(self._calls) // _COLUMNS - 1] = now

    def calls(self) -> "Calls":
        """What was noted so far."""
        table = np.array(self._calls).reshape(-1, _COLUMNS)
        step, steps, asked, arrived, done = table.T
        ended = np.append(asked[1:], done[-1:])
        ended[list(self._ends)] = list(self._ends.values())
        return Calls(step, steps, arrived - asked, np.maximum(ended, arrived) - arrived)


@dataclasses.dataclass(frozen=True)
class Calls:
    """Calls in their order, one entry each.

    Attributes:
      step: (calls,) the last step that each did, from 1.
      steps: (calls,) how many it did.
      wait: (calls,) seconds of waiting for data.
      compute: (calls,) seconds of the rest, to the call's end.
    """

    step: np.ndarray
    steps: np.ndarray
    wait: np.ndarray
    compute: np.ndarray

    @property
    def seconds(self) -> np.ndarray:
        return self.wait + self.compute

    def where(self, chosen: np.ndarray) -> "Calls":
        """Those that `chosen`, (calls,) bool, marks."""
        fields = (self.step, self.steps, self.wait, self.compute)
        return Calls(*(field[chosen] for field in fields))

    def without_fetch(self, seconds: float) -> "Calls":
        """The same calls, of which handing over a batch that is ready, `seconds`, is no wait."""
        wait = np.maximum(self.wait - seconds * self.steps, 0.0)
        return Calls(self.step, self.steps, wait, self.compute + self.wait - wait)

    def __len__(self) -> int:
        return len(self.step)
