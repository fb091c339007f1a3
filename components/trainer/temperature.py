"""The temperature of a trained classifier, read and written without TensorFlow."""

import os
from typing import NamedTuple, Self

from files import places, writing
from files.strict_json import text_of

FILE = "calibration.json"


class Calibration(NamedTuple):
    """What a classifier's logits are divided by, and what that changed on the validation split."""

    temperature: float  # above 1: the answers become less sure
    examples: int
    loss_before: float  # mean cross-entropy of its answers, nats
    loss_after: float

    @classmethod
    def read(cls, folder: str | os.PathLike) -> Self | None:
        """What stands beside a Model; None where nothing was calibrated."""
        found = places.read_json(os.path.join(folder, FILE))
        return cls(**found) if found else None

    def write(self, folder: str) -> None:
        writing.write(os.path.join(folder, FILE), text_of(self._asdict(), indent=2))
