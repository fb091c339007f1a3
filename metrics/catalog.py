"""Finds the metrics of this folder and measures them.

A file of its own: who imports one metric must not depend on the code of all others.
"""

import importlib
import math
from pathlib import Path
from types import ModuleType

from metrics.counts import Counts, Scores

_FILES = {file.stem for file in Path(__file__).parent.glob("*.py")}
NAMES = tuple(sorted(_FILES - {"__init__", "catalog", "counts"}))


def load(name: str) -> ModuleType:
    """The file of the metric `name`, one of `NAMES`."""
    return importlib.import_module(f"metrics.{name}")


def with_bounds(task: str | None = None) -> list[str]:
    """The metrics that can have a bound, in one task or in any."""
    return [name for name, file in _files(task).items() if not file.PER_CLASS]


def counted(task: str | None = None) -> list[str]:
    """Those with a bound that the Trainer measures as well, of what it counts."""
    return [
        name for name in with_bounds(task) if not getattr(load(name), "OF_PROBABILITIES", False)
    ]


def higher_is_better(name: str) -> bool | None:
    """The direction in which a metric gets better; None for a name that is not a metric's."""
    return load(name).HIGHER_IS_BETTER if name in NAMES else None


def highest(name: str) -> float:
    """The highest value that the metric `name` can have; none is below 0."""
    return getattr(load(name), "HIGHEST", 1.0)


def overall(counts: Counts, task: str) -> dict[str, float]:
    """Each metric over the whole split.

    All of them are nan where nothing was counted: a model of small images may miss the few
    pixels that have a class.
    """
    if not counts.total:
        return dict.fromkeys(with_bounds(task), math.nan)
    files = _files(task, counts.classes).items()
    return {name: file.measure(counts) for name, file in files if not file.PER_CLASS}


def per_class(counts: Counts, task: str) -> dict[str, Scores]:
    """Each metric that has a value for each class, (n,) float64."""
    files = _files(task, counts.classes).items()
    return {name: file.measure(counts) for name, file in files if file.PER_CLASS}


def by_true_class(counts: Counts, task: str) -> dict[str, Scores]:
    """Metrics over the examples of one class alone, (n,) or (n + 1,) float64.

    They are 0 for a class that does not occur.
    """
    return {
        name: file.by_true_class(counts)
        for name, file in _files(task, counts.classes).items()
        if hasattr(file, "by_true_class")
    }


def _files(task: str | None, classes: float = math.inf) -> dict[str, ModuleType]:
    files = {name: load(name) for name in NAMES}
    return {
        name: file
        for name, file in files.items()
        if (task is None or task in file.TASKS) and classes >= getattr(file, "FEWEST_CLASSES", 0)
    }
