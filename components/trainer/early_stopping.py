"""Which epoch is the best so far, and when to stop waiting for a better one."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np


@dataclasses.dataclass
class EarlyStopping:
    """The best weights so far."""

    patience: int | None  # epochs to wait for a better one; None waits to the end
    higher_is_better: bool = False  # of what decides
    best_value: float | None = None  # None before the first number
    best_epoch: int = 0  # counted from 1; 0 before the first
    best_weights: Sequence[np.ndarray] = ()
    waited: int = 0  # epochs since then

    @property
    def stopped(self) -> bool:
        return self.patience is not None and self.waited >= self.patience

    def state(self) -> dict[str, Any]:
        """What a resumed training needs of it besides the weights, as JSON values."""
        return {name: getattr(self, name) for name in ("best_value", "best_epoch", "waited")}

    def update(self, value: float, epoch: int, weights: Sequence[np.ndarray]) -> None:
        """Records the epoch that has just ended; a value that is not a number is the worst."""
        value = value if math.isfinite(value) else None
        if self._is_better(value) or not self.best_epoch:
            self.best_value, self.best_epoch, self.best_weights = value, epoch, weights
            self.waited = 0
        else:
            self.waited += 1

    def _is_better(self, value: float | None) -> bool:
        if value is None or self.best_value is None:
            return value is not None
        return value > self.best_value if self.higher_is_better else value < self.best_value
