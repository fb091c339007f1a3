"""What the Evaluator counts: small, so that it can travel to any worker."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from components import saved_vocabulary
from failures import Failure
from files import places
from settings.data import Features


@dataclass(frozen=True)
class ModelPlace:
    """Where a model is and what messages call it."""

    name: str  # "challenger" or "champion"
    path: str  # of the SavedModel
    advice: str  # a sentence: what to do when it cannot be used

    def failure(self, what: str) -> Failure:
        """A Failure that says what is wrong with the model, e.g. "cannot be loaded"."""
        return Failure(f"Evaluator: the {self.name} in {self.path} {what}. {self.advice}")

    def class_names(self) -> list[str]:
        """One name for each class, in the order of the model's probabilities.

        Raises:
          Failure: the model has no vocabulary.
        """
        try:
            return saved_vocabulary.read(self.path)
        except Exception as error:
            if not places.is_file_error(error):
                raise
            raise self.failure(
                f"has no vocabulary {saved_vocabulary.FILE}, so its classes have no names"
            ) from error


@dataclass(frozen=True)
class Plan:
    """Which models answer which examples."""

    models: tuple[ModelPlace, ...]  # the challenger and, if there is one, the champion
    class_names: tuple[str, ...]  # of all models together; the challenger's come first
    split: str
    features: Features
    label_is_bytes: bool  # Otherwise labels are integers.
    batch_size: int  # the most examples of a call, of which two run at once; more of fewer each
    temperature: float = 1.0  # by which the challenger's logits are divided


class ShardBatch(NamedTuple):
    """Some examples of a shard, and where in it they are."""

    path: str  # of the shard
    records: Sequence[int]  # positions in the file, from 0
    serialized: Sequence[bytes]  # raw tf.train.Examples

    @property
    def file(self) -> str:
        return os.path.basename(self.path)
