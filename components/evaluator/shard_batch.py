"""Some examples of a shard, and where in it they are."""

import functools
import os
from dataclasses import dataclass

import numpy as np
import tensorflow as tf


@dataclass(frozen=True)
class ShardBatch:
    """Serialized raw tf.train.Examples of one TFRecord file."""

    path: str
    serialized: tf.Tensor  # (batch,) string
    records: np.ndarray  # (batch,) int64 positions in the file, from 0

    @functools.cached_property
    def _examples(self) -> np.ndarray:
        # All at once: an op for each example would take as long as predicting a small image.
        return self.serialized.numpy()  # (batch,) bytes objects

    def example(self, index: int) -> bytes:
        """The serialized Example at a position of the batch."""
        return self._examples[index]

    def place(self, index: int) -> tuple[str, int]:
        """The file's name and the record at a position of the batch."""
        return os.path.basename(self.path), int(self.records[index])
