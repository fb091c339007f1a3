"""Which epoch was the best so far, and when to stop waiting for a better one."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np


@dataclasses.dataclass
class EarlyStopping:
    """The best weights so far.

    Attributes:
      patience: epochs to wait for a better one; None waits for ever.
      best_loss: lower is better.
      best_epoch: counted from 1; 0 before the first.
      best_weights: of that epoch; empty before the first.
      waited: epochs since.
    """

    patience: int | None
    best_loss: float = math.inf
    best_epoch: int = 0
    best_weights: Sequence[np.ndarray] = ()
    waited: int = 0

    @property
    def stopped(self) -> bool:
        return self.patience is not None and self.waited >= self.patience

    def update(self, loss: float, epoch: int, weights: Sequence[np.ndarray]) -> None:
        """Takes note of the epoch that has just ended; a loss that is no number is the worst."""
        loss = loss if math.isfinite(loss) else math.inf
        if loss < self.best_loss or not self.best_epoch:
            self.best_loss, self.best_epoch, self.best_weights = loss, epoch, weights
            self.waited = 0
        else:
            self.waited += 1
