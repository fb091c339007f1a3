"""Reads a search's trials without TensorFlow, whose import takes seconds."""

from pathlib import Path
from typing import NamedTuple

from components.trainer.history import History

TRIALS = "trials"


class Trial(NamedTuple):
    """A trial that reached a value of the objective."""

    name: str
    history: History

    @property
    def remark(self) -> str:
        """What sets it apart from a trial that this search trained to its end; "" for nothing."""
        if self.history.reused:
            return "of an earlier search"
        epochs = len(self.history.epochs)
        stopped = f"stopped after {epochs} epoch{'s' * (epochs > 1)}"
        return stopped if self.history.stopped_early else ""


def read_trials(folder: Path) -> list[Trial]:
    """The trials below a tuner's results; a damaged one is left out."""
    found = ((trial.name, History.read(trial)) for trial in sorted(folder.glob(f"{TRIALS}/*")))
    return [Trial(name, history) for name, history in found if history]
