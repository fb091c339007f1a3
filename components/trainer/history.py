"""A training's history: the form of `history.json`, read without TensorFlow."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from files import places

HISTORY_FILE, THRESHOLDS_FILE = "history.json", "thresholds.json"


@dataclasses.dataclass(frozen=True)
class Epoch:
    """One epoch of a training.

    Loss and accuracy are means over the training examples, while the weights were changing. Those
    of the validation are of the time after the epoch; None without a validation split, where none
    of its labels is known, and for a loss that is not finite.
    """

    epoch: int  # counted from 1
    loss: float
    accuracy: float
    validation_loss: float | None
    validation_accuracy: float | None
    validation_left_out: int | None  # of an unknown label; for segmentation, pixels of no class
    learning_rate: float  # of the epoch's last step
    seconds: float  # of the training steps, without the validation
    fetch_seconds: float  # the part of `seconds` spent fetching batches, handing over included
    validation_mean_iou: float | None = None  # for segmentation, over all validation pixels
    monitored: float | None = None  # the value of `training.monitor`


@dataclasses.dataclass(frozen=True)
class ClassPart:
    """What one class (for segmentation, its pixels) contributed to a training, over all epochs."""

    name: str
    examples: float  # each counted as often as it was trained with
    weight: float  # of class and example, summed
    loss: float  # weighted, summed


@dataclasses.dataclass(frozen=True)
class History:
    """A whole training."""

    epochs: tuple[Epoch, ...]
    best_epoch: int | None = None  # whose weights were kept, from 1; None: it was not recorded
    resumed_at_step: int = 0  # of the checkpoint; 0 for a training from the start
    hyperparameters: dict[str, Any] = dataclasses.field(default_factory=dict)  # of a tuner's trial
    classes: tuple[ClassPart, ...] = ()  # by class id; older trainings have none
    monitor: str = "loss"  # the validation's metric by which the best epoch is the best
    stopped_early: bool = False  # a tuner's trial that was worse than most before it
    reused: bool = False  # a tuner's trial whose training was done in an earlier search

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """Reads the file below a local folder; None where it is missing, damaged or empty."""
        found = places.read_json(folder / HISTORY_FILE)
        if found is None:
            return None
        names = [field.name for field in dataclasses.fields(Epoch)]
        epochs = tuple(
            # Older trainings lack some of the keys.
            Epoch(**{name: epoch.get(name) for name in names} | {"epoch": number})
            for number, epoch in enumerate(found["epochs"], 1)
        )
        return cls(
            epochs,
            found.get("best_epoch"),
            found.get("resumed_at_step") or 0,
            found.get("hyperparameters") or {},
            tuple(ClassPart(**part) for part in found.get("classes") or ()),
            found.get("monitor") or "loss",
            bool(found.get("stopped_early")),
            bool(found.get("reused")),
        ) if epochs else None  # fmt: skip

    @property
    def seconds(self) -> float:
        """Seconds of all training steps."""
        return sum(epoch.seconds for epoch in self.epochs)

    @property
    def best(self) -> Epoch:
        """The best epoch, or the last one where none is recorded."""
        return self.epochs[(self.best_epoch or len(self.epochs)) - 1]


def read_thresholds(folder: Path) -> dict[str, float]:
    """The probability from which on an image has a class, by its name; {} for other tasks."""
    return places.read_json(folder / THRESHOLDS_FILE) or {}


def read_devices(properties: Mapping[str, Any]) -> str | None:
    """What computed, such as "1 CPU, float32", from the model run's custom properties."""
    return properties.get("devices")
