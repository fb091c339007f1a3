"""A SavedModel that gives an image any number of classes, called as a server calls it."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from components.evaluator.plan import ModelPlace
from components.evaluator.served_model import Served


class Labelled(NamedTuple):
    """A model's answers to a batch, in joint classes."""

    predicted: np.ndarray  # (batch, n) bool
    probabilities: np.ndarray  # (batch, n) float32, 0 for classes that the model does not know
    known: np.ndarray  # (n,) bool, whether the model knows the class


class ServedLabeller(Served):
    """Gives serialized raw Examples any number of classes."""

    def __init__(self, place: ModelPlace, class_names: list[str]):
        super().__init__(place, class_names)
        if "predicted" not in self._serve.structured_outputs:
            raise place.failure("does not give an image any number of classes")
        self._classes = len(class_names)
        self._known = self._joint(np.ones((1, len(self.to_joint)), bool))[0]

    def _labels(self, transformed):
        return tf.io.decode_raw(transformed["labels"], tf.uint8)

    def predict(self, examples: tf.Tensor) -> Labelled:
        """Predicts (batch,) serialized raw tf.train.Examples.

        Raises:
          Failure: the answers do not fit the vocabulary.
          tf.errors.InvalidArgumentError: an image cannot be decoded.
        """
        answers = self._serve(examples=examples)
        probabilities = answers["probabilities"].numpy()
        self._check_classes(probabilities)
        return Labelled(
            self._joint(answers["predicted"].numpy() > 0),
            self._joint(probabilities),
            self._known,
        )

    def label_ids(self, examples: tf.Tensor) -> np.ndarray:
        """The class that the model's own transform gives to each of (batch,) serialized Examples
        with one label.

        Returns:
          (batch,) int64 in 0..n-1, or -1 for labels out of the model's vocabulary.

        Raises:
          Failure: the model's labels are of another type, or in another feature.
        """
        has = self._targets(examples).reshape(-1, len(self.to_joint)) > 0
        return np.where(has.any(axis=1), self.to_joint[has.argmax(axis=1)], -1)

    def _joint(self, own: np.ndarray) -> np.ndarray:
        found = np.zeros((len(own), self._classes), own.dtype)
        found[:, self.to_joint] = own
        return found
