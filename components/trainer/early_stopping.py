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
    best_loss: float = math.inf
    best_epoch: int = 0  # counted from 1; 0 before the first
    best_weights: Sequence[np.ndarray] = ()
    waited: int = 0  # epochs since then

    @property
    def stopped(self) -> bool:
        return self.patience is not None and self.waited >= self.patience

    def state(self) -> dict[str, Any]:
        """What a resumed training needs of it besides the weights, as JSON values."""
        return {name: getattr(self, name) for name in ("best_loss", "best_epoch", "waited")}

    def update(self, loss: float, epoch: int, weights: Sequence[np.ndarray]) -> None:
        """Records the epoch that has just ended; a loss that is not a number is the worst."""
        loss = loss if math.isfinite(loss) else math.inf
        if loss < self.best_loss or not self.best_epoch:
            self.best_loss, self.best_epoch, self.best_weights = loss, epoch, weights
            self.waited = 0
        else:
            self.waited += 1
