"""Reads a search's trials without TensorFlow, whose import takes seconds."""

from pathlib import Path
from typing import NamedTuple

from components.trainer.history import History

TRIALS = "trials"


class Trial(NamedTuple):
    """A trial that was trained to its end."""

    name: str
    history: History


def read_trials(folder: Path) -> list[Trial]:
    """The trials below a tuner's results; a damaged one is left out."""
    found = ((trial.name, History.read(trial)) for trial in sorted(folder.glob(f"{TRIALS}/*")))
    return [Trial(name, history) for name, history in found if history]
