"""Stops trials that are worse than most of those before them were at the same time.

It is the median stopping rule of Golovin and others (2017, "Google Vizier").
"""

import math
import statistics
from collections.abc import Sequence
from pathlib import Path

from components.trainer.early_stopping import EarlyStopping
from components.trainer.history import Epoch, History
from components.trainer.training_log import TrainingLog
from metrics import catalog
from settings.tuner import higher_is_better

FEWEST = 3  # trials that say what is usual


class PoorTrial(Exception):
    """Ends a trial whose epochs so far are all that is wanted of it."""


class PoorTrials:
    """Decides after each epoch whether a trial goes on, and what one counts for that does not.

    Args:
      objective: what trials are compared by, an attribute of `Epoch`.
      monitor: the metric by which a training's best epoch is the best.
      after: epochs that every trial has.
      epochs: those of this trial, after which nothing is left to stop.
      folder: holds a folder for each trial, with the history of one that has ended.
    """

    def __init__(self, objective: str, monitor: str, after: int, epochs: int, folder: Path):
        self._objective, self._monitor = objective, monitor
        self._after, self._all = after, epochs
        self._higher = higher_is_better(objective)
        histories = (History.read(trial) for trial in sorted(folder.glob("*")))
        self._ended = [history for history in histories if history]

    def stop(self, epochs: Sequence[Epoch]) -> bool:
        """Whether to stop the trial whose epochs so far these are."""
        if not self._after <= len(epochs) < self._all:
            return False
        # One that was stopped counts with what it had reached then.
        others = [self._best_of(ended.epochs[: len(epochs)]) for ended in self._ended]
        others = [value for value in others if value is not None]
        if len(others) < FEWEST:
            return False
        reached = self._best_of(epochs)
        usual = statistics.median(others)
        if reached is None:
            return True
        return reached < usual if self._higher else reached > usual

    def score(self, epochs: Sequence[Epoch]) -> tuple[int, float | None]:
        """(best epoch, objective) of a trial that was stopped after these epochs.

        As in every training, the monitored metric says which epoch is the best. Where that is not
        the objective, whole trials end with a later epoch, whose objective may be worse than it
        was at first. So a stopped one counts for no more than the median of the whole ones.

        Returns:
          The epoch's number, from 1; None for an objective that this epoch lacks.
        """
        best = EarlyStopping(None, catalog.higher_is_better(self._monitor))
        for epoch in epochs:
            value = math.nan if epoch.monitored is None else epoch.monitored
            best.update(value, epoch.epoch, ())
        reached = getattr(epochs[best.best_epoch - 1], self._objective)
        whole = [getattr(h.best, self._objective) for h in self._ended if not h.stopped_early]
        whole = [value for value in whole if value is not None]
        if reached is not None and whole:
            worse = min if self._higher else max
            reached = worse(reached, statistics.median(whole))
        return best.best_epoch, reached

    def _best_of(self, epochs: Sequence[Epoch]) -> float | None:
        values = [getattr(epoch, self._objective) for epoch in epochs]
        known = [value for value in values if value is not None]
        return (max if self._higher else min)(known, default=None)


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
