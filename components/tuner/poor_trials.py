"""Stops trials that are worse than most of those before them were at the same time.

It is the median stopping rule of Golovin and others (2017, "Google Vizier").
"""

import statistics
from collections.abc import Sequence
from pathlib import Path

from components.trainer.history import Epoch, History
from components.trainer.training_log import TrainingLog
from settings.tuner import higher_is_better

FEWEST = 3  # trials that say what is usual


class PoorTrial(Exception):
    """Ends a trial whose epochs so far are all that is wanted of it."""


class PoorTrials:
    """Decides after each epoch whether a trial goes on.

    Args:
      objective: what trials are compared by, an attribute of `Epoch`.
      after: epochs that every trial has.
      epochs: those of this trial, after which nothing is left to stop.
      folder: holds a folder for each trial, with the history of one that has ended.
    """

    def __init__(self, objective: str, after: int, epochs: int, folder: Path):
        self._objective, self._after, self._all = objective, after, epochs
        self._higher = higher_is_better(objective)
        histories = (History.read(trial) for trial in sorted(folder.glob("*")))
        self._ended = [history.epochs for history in histories if history]

    def stop(self, epochs: Sequence[Epoch]) -> bool:
        """Whether to stop the trial whose epochs so far these are."""
        if not self._after <= len(epochs) < self._all:
            return False
        # One that was stopped counts with what it had reached then.
        others = [self.best(ended[: len(epochs)])[1] for ended in self._ended]
        others = [value for value in others if value is not None]
        if len(others) < FEWEST:
            return False
        _, reached = self.best(epochs)
        usual = statistics.median(others)
        if reached is None:
            return True
        return reached < usual if self._higher else reached > usual

    def best(self, epochs: Sequence[Epoch]) -> tuple[int | None, float | None]:
        """(number, value) of the best epoch; None where none has a value."""
        values = [(getattr(epoch, self._objective), epoch.epoch) for epoch in epochs]
        known = [(value, number) for value, number in values if value is not None]
        if not known:
            return None, None
        value, number = max(known) if self._higher else min(known)
        return number, value


class TrialLog(TrainingLog):
    """The log of a trial that may be poor.

    Raises:
      PoorTrial: from `add`, when the trial is to stop.
    """

    def __init__(self, folder: str, rule: PoorTrials):
        super().__init__(folder)
        self._rule = rule

    def add(self, epoch: Epoch) -> None:
        super().add(epoch)
        if self._rule.stop(self.epochs):
            raise PoorTrial
