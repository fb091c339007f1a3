"""What a training ends with."""

import dataclasses

import keras

from components.trainer.devices import Devices
from components.trainer.first_weights import FirstWeights, KerasFile
from components.trainer.history import Epoch
from components.trainer.tallies import ClassSum


@dataclasses.dataclass(frozen=True)
class Trained:
    """What a training ends with."""

    model: keras.Model  # with the weights of its best epoch
    history: list[Epoch]  # the earliest first
    best_epoch: int  # counted from 1
    resumed_at_step: int  # which a checkpoint had reached; 0 for a training from the start
    devices: Devices  # what it was computed on
    input: str  # how the data came, for people
    class_sums: list[ClassSum]  # by class id
    first_weights: FirstWeights | KerasFile | None = None  # None: it began at random

    @property
    def best(self) -> Epoch:
        return self.history[self.best_epoch - 1]

    @property
    def epochs(self) -> str:
        """How long it took, in words."""
        return f"{len(self.history)} epoch{'s' * (len(self.history) > 1)}"
