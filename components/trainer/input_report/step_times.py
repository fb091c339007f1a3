"""When each step asked for its data, got it, and was done."""

import array
import dataclasses

import numpy as np

from components.trainer.input.load_times import LoadTimes

_COLUMNS = 5
_LOADS_TAKEN_EVERY = 2048  # steps: before the next ones' times take their place


class StepTimes:
    """Times of a training's calls, cheap to take: five numbers a call, kept as doubles.

    A call does one step, or as many as `steps_per_execution` says. It lasts until the next one
    asks for its data, so that what a device still computes when the call returns counts to it.
    """

    def __init__(self):
        self._calls = array.array("d")
        self._ends = {}
        self._load_times = None
        self._loads = []
        self._loads_taken_at = 0

    def watch(self, load_times: LoadTimes | None, step: int) -> None:
        """Takes the times of each batch's loading too, from `step` on; None: there are none."""
        self._load_times, self._loads_taken_at = load_times, step

    def add(self, step: int, steps: int, asked: float, arrived: float, done: float) -> None:
        """Notes one call.

        Args:
          step: the last one that it did, counted from 1 over the whole training.
          steps: how many it did.
          asked, arrived, done: seconds of `time.perf_counter`.
        """
        self._calls.extend((step, steps, asked, arrived, done))
        if step - self._loads_taken_at >= _LOADS_TAKEN_EVERY:
            self._take_loads(step)

    def stop(self, now: float) -> None:
        """Ends the last call: what follows until the next one is not training.

        A call that was ended stays so: an epoch's end stops the clock before it validates, and
        the checkpoint after that stops it again.
        """
        if self._calls:
            self._ends.setdefault(len(self._calls) // _COLUMNS - 1, now)

    def _take_loads(self, step: int) -> None:
        if self._load_times:
            loads = self._load_times.last()
            self._loads.append(loads[loads[:, 0] > self._loads_taken_at])
            self._loads_taken_at = step

    def loads(self) -> np.ndarray | None:
        """(batches, 3) float64, by step: that which took the batch, start and end of its loading.

        Seconds of `time.perf_counter`. None where they were not noted.
        """
        if not self._load_times or not self._calls:
            return None
        self._take_loads(int(self._calls[-_COLUMNS]))
        loads = np.concatenate(self._loads)
        # A batch made ahead of its step is seen twice.
        return loads[np.unique(loads[:, 0], return_index=True)[1]]

    def calls(self) -> "Calls":
        """What was noted so far."""
        table = np.array(self._calls).reshape(-1, _COLUMNS)
        step, steps, asked, arrived, done = table.T
        ended = np.append(asked[1:], done[-1:])
        ended[list(self._ends)] = list(self._ends.values())
        return Calls(step, steps, asked, arrived - asked, np.maximum(ended, arrived) - arrived)


@dataclasses.dataclass(frozen=True)
class Calls:
    """Calls in their order, one entry each.

    Attributes:
      step: (calls,) the last step that each did, from 1.
      steps: (calls,) how many it did.
      asked: (calls,) when it asked for data, seconds of `time.perf_counter`.
      wait: (calls,) seconds of waiting for data.
      compute: (calls,) seconds of the rest, to the call's end.
    """

    step: np.ndarray
    steps: np.ndarray
    asked: np.ndarray
    wait: np.ndarray
    compute: np.ndarray

    @property
    def seconds(self) -> np.ndarray:
        return self.wait + self.compute

    def where(self, chosen: np.ndarray | slice) -> "Calls":
        """Those that `chosen`, (calls,) bool or a slice, marks."""
        fields = dataclasses.fields(self)
        return Calls(*(getattr(self, field.name)[chosen] for field in fields))

    def without_fetch(self, seconds: float) -> "Calls":
        """The same calls, of which handing over a batch that is ready, `seconds`, is no wait."""
        wait = np.maximum(self.wait - seconds * self.steps, 0.0)
        return dataclasses.replace(self, wait=wait, compute=self.compute + self.wait - wait)

    def __len__(self) -> int:
        return len(self.step)
