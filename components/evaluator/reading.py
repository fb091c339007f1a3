"""Reads the Evaluator's files without TensorFlow, whose import takes seconds."""

import dataclasses
import math
import os
from pathlib import Path
from typing import Any, NamedTuple

from files import places
from metrics import f1, iou, precision, recall
from metrics.counts import Counts, LabelCounts

BLESSING_FILE = "blessing.json"
COUNTS_FILE, CLASS_NAMES_FILE = "counts.json", "class_names.json"
WORST_EXAMPLES_FILE = "worst_examples.json"


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What the Evaluator decided; `reasons` are empty exactly when it blesses."""

    blessed: bool
    reasons: list[str]
    metrics: dict[str, float]  # the challenger's over the whole split
    champion_metrics: dict[str, float]  # empty without a champion


def read_verdict(folder: Path | str) -> Verdict | None:
    """The verdict in a ModelBlessing's folder; None where it is missing or damaged."""
    found = places.read_json(os.path.join(folder, BLESSING_FILE))
    if not found:
        return None
    for metrics in (found["metrics"], found["champion_metrics"]):
        metrics |= {name: math.nan for name, value in metrics.items() if value is None}
    return Verdict(**found)


class ClassCounts(NamedTuple):
    """One class of the test split, counted in images, or in pixels for segmentation."""

    name: str
    actual: int  # of this class
    predicted: int  # that the model takes for it
    right: int  # both
    precision: float
    recall: float
    iou: float  # intersection over union


@dataclasses.dataclass(frozen=True)
class Confusion:
    """A model's true against predicted classes.

    Attributes:
      names: the classes' names by class id.
      counts: {(true class id, predicted class id): number}, without those of 0; the true
        class id `len(names)` stands for labels in no vocabulary.
    """

    names: list[str]
    counts: dict[tuple[int, int], int]

    @property
    def classes(self) -> list[ClassCounts]:
        """The classes by class id."""
        import numpy as np
        from scipy.sparse import csr_array

        pairs = np.array([*self.counts], np.int64).reshape(-1, 2).T
        shape = len(self.names) + 1, len(self.names)
        counts = Counts(csr_array(([*self.counts.values()], pairs), shape=shape, dtype=np.int64))
        columns = [counts.actual, counts.predicted, counts.right]
        columns += [metric.measure(counts) for metric in (precision, recall, iou)]
        rows = zip(*(column.tolist() for column in columns), strict=True)
        return [ClassCounts(name, *row) for name, row in zip(self.names, rows, strict=True)]

    def mistakes(self) -> list[tuple[int, str, str]]:
        """(number, true class, predicted class) of every confused pair, the most frequent first."""
        names = [*self.names, "(unknown)"]
        wrong = ((n, t, p) for (t, p), n in self.counts.items() if t != p)
        return [(n, names[t], names[p]) for n, t, p in sorted(wrong, reverse=True)]


def read_confusion(folder: Path) -> Confusion | None:
    """The challenger's counts below a ModelEvaluation's folder; None where they are missing."""
    counts = places.read_json(folder / COUNTS_FILE) or {}
    names = places.read_json(folder / CLASS_NAMES_FILE)
    entries = counts.get("models", {}).get("challenger", {}).get("confusion")
    if entries is None or not names:
        return None
    return Confusion(names, {(true, said): number for true, said, number in entries if number})


class Reliability(NamedTuple):
    """A classifier's answers to the test split by their confidence.

    Each is a list of bins of equal width over 0..1: examples, right ones, summed confidence.
    """

    bins: list[list[float]]
    uncalibrated: list[list[float]]  # as if its logits had not been divided by its temperature


def read_reliability(folder: Path) -> Reliability | None:
    """The challenger's, below a ModelEvaluation's local folder; None where it was not counted."""
    counts = places.read_json(folder / COUNTS_FILE) or {}
    found = counts.get("models", {}).get("challenger", {}).get("reliability") or ()
    # Of a model that answered with nan, sums are null.
    if not any(row[0] for row in found) or any(None in row for row in found):
        return None
    return Reliability(found, counts["uncalibrated"])


def read_classes(folder: Path) -> list[ClassCounts]:
    """The challenger's classes by class id; [] where they were not counted."""
    found = read_confusion(folder)
    return found.classes if found else []


class LabelScores(NamedTuple):
    """One class of the test split, counted in images with any number of classes."""

    name: str
    actual: int  # that have it
    predicted: int  # that the model gives it to
    right: int  # both
    average_precision: float
    precision: float
    recall: float
    f1: float


def read_label_scores(folder: Path) -> list[LabelScores]:
    """The challenger's classes by class id; [] where they were not counted."""
    import numpy as np

    counts, names = (places.read_json(folder / file) for file in (COUNTS_FILE, CLASS_NAMES_FILE))
    found = counts and names and counts["models"].get("challenger")
    if not found or "labels" not in found:
        return []
    actual, predicted, right = np.array(found["labels"]).T
    counted = LabelCounts(right, predicted, actual)
    scores = [metric.measure(counted).tolist() for metric in (precision, recall, f1)]
    return [
        LabelScores(name, *numbers, *values)
        for name, numbers, *values in zip(
            names, found["labels"], found["average_precision"], *scores, strict=True
        )
    ]


class WorstExample(NamedTuple):
    """One of the examples that the challenger got most wrong.

    `facts` are "loss" and, of an image, "true", "predicted" and, with one class, "probability", or,
    of a mask, "iou"; `pictures` are encoded, by "image", "truth" and "prediction".
    """

    file: str  # the shard's name
    record: int  # its number in the shard
    facts: dict[str, Any]
    pictures: dict[str, bytes]


def read_worst_examples(folder: Path) -> list[WorstExample]:
    """The worst first; a picture that is missing, or is elsewhere, is b""."""
    found = []
    for entry in places.read_json(folder / WORST_EXAMPLES_FILE) or ():
        pictures = {
            kind: _picture(folder, entry.pop(kind))
            for kind in ("image", "truth", "prediction")
            if kind in entry
        }
        name, record = Path(entry.pop("file")).name, entry.pop("record")
        found.append(WorstExample(name, record, entry, pictures))
    return found


def _picture(folder: Path, name: str) -> bytes:
    path = (folder / name).resolve()
    return path.read_bytes() if path.is_relative_to(folder.resolve()) and path.is_file() else b""
