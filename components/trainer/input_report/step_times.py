"""Records when each step requested its data, received them, and finished."""

import array
import dataclasses

import numpy as np

from components.trainer.input.load_times import LoadTimes

_COLUMNS = 6
_LOADS_TAKEN_EVERY = 2048  # steps, before later load times overwrite these


class StepTimes:
    """Records the times of a training's calls cheaply, as six doubles per call.

    A call runs one step, or `steps_per_execution` steps. It lasts until the next call requests
    its data, so it includes what a device still computes when the call returns.
    """

    def __init__(self):
        self._calls = array.array("d")
        self._ends = {}
        self._load_times = None
        self._loads = []
        self._loads_taken_at = 0

    def watch(self, load_times: LoadTimes | None, step: int) -> None:
        """Records load times as well, after `step`; None to record none."""
        self._load_times, self._loads_taken_at = load_times, step

    def add(
        self,
        step: int,
        steps: int,
        asked: float,
        arrived: float,
        done: float,
        compiled: bool = False,
    ) -> None:
        """Records a call of `steps` steps, the last of them `step`, counted from 1.

        It requested its data (`asked`), received them and returned at these seconds of
        `time.perf_counter`. Its computing includes compiling the step if it `compiled`.
        """
        self._calls.extend((step, steps, asked, arrived, done, compiled))
        if step - self._loads_taken_at >= _LOADS_TAKEN_EVERY:
            self._take_loads(step)

    def stop(self, now: float) -> None:
        """Ends the last call: the time until the next call is not training.

        Only the first stop counts: the end of an epoch stops the clock before the validation,
        and the checkpoint that follows stops it again.
        """
        if self._calls:
            self._ends.setdefault(len(self._calls) // _COLUMNS - 1, now)

    def _take_loads(self, step: int) -> None:
        if self._load_times:
            loads = self._load_times.last()
            self._loads.append(loads[loads[:, 0] > self._loads_taken_at])
            self._loads_taken_at = step

    def loads(self) -> np.ndarray | None:
        """(batches, 3) float64, sorted by step: the step, start and end of its batch's loading.

        Times are seconds of `time.perf_counter`. None if load times were not recorded.
        """
        if not self._load_times or not self._calls:
            return None
        self._take_loads(int(self._calls[-_COLUMNS]))
        loads = np.concatenate(self._loads)
        # A prefetched batch is recorded twice.
        return loads[np.unique(loads[:, 0], return_index=True)[1]]

    def calls(self) -> "Calls":
        """The calls recorded so far."""
        table = np.array(self._calls).reshape(-1, _COLUMNS)
        step, steps, asked, arrived, done, compiled = table.T
        ended = np.append(asked[1:], done[-1:])
        ended[list(self._ends)] = list(self._ends.values())
        compute = np.maximum(ended, arrived) - arrived
        return Calls(step, steps, asked, arrived - asked, compute, compiled > 0)


@dataclasses.dataclass(frozen=True)
class Calls:
    """Consecutive calls: (calls,) each."""

    step: np.ndarray  # the last one of each call, from 1
    steps: np.ndarray  # how many it ran
    asked: np.ndarray  # when it requested data, in seconds of `time.perf_counter`
    wait: np.ndarray  # seconds spent waiting for data
    compute: np.ndarray  # the remaining seconds until the call's end
    compiled: np.ndarray  # bool: whether it compiled its steps

    @property
    def seconds(self) -> np.ndarray:
        return self.wait + self.compute

    def where(self, chosen: np.ndarray | slice) -> "Calls":
        fields = dataclasses.fields(self)
        return Calls(*(getattr(self, field.name)[chosen] for field in fields))

    def without_fetch(self, seconds: float) -> "Calls":
        """The same calls; `seconds` per step, for fetching a ready batch, do not count as wait."""
        wait = np.maximum(self.wait - seconds * self.steps, 0.0)
        return dataclasses.replace(self, wait=wait, compute=self.compute + self.wait - wait)

    def __len__(self) -> int:
        return len(self.step)
