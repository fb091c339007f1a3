"""Classes of raw labels, found by the models' own transforms."""

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from components.evaluator.served_model import Served


class LabelIds:
    """Remembers the class of each raw label that it was asked for.

    Each distinct label passes a transform once, with one of the examples that carry it:
    transforming all of them would decode every image again.

    Args:
      models: the first of them that knows a label says its class.
      unknown: the class of labels in no vocabulary.
      at_once: the most labels that pass a transform together.
    """

    def __init__(self, models: Sequence[Served], unknown: int, at_once: int):
        self._models = models
        self._unknown = unknown
        self._at_once = at_once
        self._known = {}

    def of(self, raw: np.ndarray, carrier: Callable[[int], bytes]) -> np.ndarray:
        """The joint classes of (labels,) int64 or bytes objects, (labels,) int64.

        Args:
          carrier: gives a serialized Example whose only label is the one at a position of `raw`.

        Raises:
          Failure: a model's labels are of another type, or in another feature.
        """
        distinct, carried, inverse = np.unique(raw, return_index=True, return_inverse=True)
        new = [
            index
            for label, index in zip(distinct, carried, strict=True)
            if label not in self._known
        ]
        for start in range(0, len(new), self._at_once):
            some = new[start : start + self._at_once]
            ids = self._found(tf.constant([carrier(index) for index in some]))
            self._known.update(zip(raw[some], ids, strict=True))
        return np.array([self._known[label] for label in distinct], np.int64)[inverse]

    def _found(self, examples: tf.Tensor) -> np.ndarray:
        ids = np.full(len(examples), -1, np.int64)
        for model in self._models:
            # A number may be another class to a later model, whose list of classes is an older one.
            ids = np.where(ids < 0, model.label_ids(examples), ids)
        return np.where(ids < 0, self._unknown, ids)
