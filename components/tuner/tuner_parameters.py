"""What a Tuner is told, as it travels in the component's JSON parameters."""

import dataclasses
from collections.abc import Mapping
from typing import Any


@dataclasses.dataclass(frozen=True)
class TunerParameters:
    """How a search goes.

    Attributes:
      trials: trainings at most.
      epochs: of each training; with hyperband, of those that come furthest.
      search_space: what may be tried, {"training.learning_rate": {"min": 0.001, "max": 0.1,
        "log": True}, "model.parameters.filters": {"choices": [[8, 16], [16, 32]]}, …}. A range
        of two whole numbers gives whole numbers, unless the key takes fractions.
      objective: "validation_loss", "validation_accuracy" or, of segmentation,
        "validation_mean_iou", at the epoch whose validation loss is least.
      algorithm: "random", "bayesian" or "hyperband".
    """

    trials: int
    epochs: int
    search_space: Mapping[str, Mapping[str, Any]]
    objective: str = "validation_loss"
    algorithm: str = "bayesian"

    @property
    def direction(self) -> str:
        return "min" if self.objective == "validation_loss" else "max"
