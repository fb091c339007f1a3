"""What a training ends with."""

import dataclasses

import keras

from components.trainer.history import Epoch


@dataclasses.dataclass(frozen=True)
class Trained:
    """What a training ends with.

    Attributes:
      model: with the weights of its best epoch.
      history: every epoch, the earliest first.
      best_epoch: counted from 1.
      resumed_at_step: which a checkpoint had reached; 0 for a training from the start.
      devices: what it was computed on, for people.
      input: how the data came, for people.
    """

    model: keras.Model
    history: list[Epoch]
    best_epoch: int
    resumed_at_step: int
    devices: str
    input: str

    @property
    def best(self) -> Epoch:
        return self.history[self.best_epoch - 1]

    @property
    def epochs(self) -> str:
        """How long it took, in words."""
        return f"{len(self.history)} epoch{'s' * (len(self.history) > 1)}"

    @property
    def segmentation(self) -> bool:
        return len(self.model.output_shape) == 4
