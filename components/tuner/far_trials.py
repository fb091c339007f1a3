"""Several trials at a time, each done by a runner elsewhere that sees the same folder."""

import contextlib
import itertools
import pickle
import time
from pathlib import Path
from typing import Any

from components.tuner.attempt import Attempt
from components.tuner.trial_files import TRIAL, read_result
from components.tuner.trials import Trials
from failures import Failure
from files import writing

# The variable that names the folder of the runners; whoever starts them sets it for the search.
RUNNERS = "STEADYFEED_TRIAL_RUNNERS"
LOST = "lost"  # the file there that says why there will be no runners any more
_LOOK_EVERY = 1.0  # seconds


class RunnersLost(RuntimeError):
    """The search ends: there are no runners any more."""


class FarTrials(Trials):
    """Leaves trials to the `trial_runner`s of a folder, however many those are.

    Args:
      at_once: how many trials are left at a time.
      folder: of this search alone; gets a folder for each trial, named by its number.
    """

    def __init__(self, at_once: int, folder: Path):
        super().__init__(at_once)
        self._folder = folder
        self._numbers = itertools.count()

    def _result(self, place: int, attempt: Attempt) -> dict[str, Any]:
        trial = self._folder / f"{next(self._numbers):08}"
        try:
            # A runner has all of its pod.
            writing.write(trial / TRIAL, pickle.dumps((attempt, 1)))
            while (result := read_result(trial)) is None:
                self._check()
                time.sleep(_LOOK_EVERY)
            return result
        finally:
            _withdraw(trial)

    def _share_gpus(self) -> bool:
        return False  # of this process, which trains nothing

    def _check(self) -> None:
        if self._closed:
            raise Failure("Tuner: the search was ended.")
        lost = self._folder / LOST
        if lost.exists():
            raise RunnersLost(lost.read_text())


def _withdraw(trial: Path) -> None:
    """Removes a trial; a runner that is still at it ends it."""
    # On NFS what a runner has open stays. It goes with the folder of all, and fails no search.
    with contextlib.suppress(OSError):
        writing.remove(trial / TRIAL)
        writing.remove(trial)
