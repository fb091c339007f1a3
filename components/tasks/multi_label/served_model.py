"""A SavedModel that gives an image any number of classes, called as a server calls it."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from components.evaluator.plan import ModelPlace
from components.evaluator.served_model import Served
from components.graph_error import cause

_UNNAMED = "its graph does not say why"


class Labelled(NamedTuple):
    """A model's answers to a batch and the truth as its transform sees it, in joint classes."""

    predicted: np.ndarray  # (batch, n) bool
    probabilities: np.ndarray  # (batch, n) float32, 0 for classes that the model does not know
    truth: np.ndarray  # (batch, n) bool, without classes that it does not know


class ServedLabeller(Served):
    """Gives serialized raw Examples their classes."""

    def __init__(self, place: ModelPlace, class_names: list[str]):
        super().__init__(place, class_names)
        if "predicted" not in self._serve.structured_outputs:
            raise place.failure("does not give an image any number of classes")
        self._classes = len(class_names)

    @functools.cached_property
    def _truth(self) -> Callable[[tf.Tensor], tf.Tensor]:
        """The part of the model's transform that numbers labels; the whole decodes images too."""
        examples = tf.TensorSpec([None], tf.string)
        return tf.function(
            lambda one: tf.io.decode_raw(self._transform(examples=one)["labels"], tf.uint8),
            [examples],
        )

    def predict(self, examples: tf.Tensor) -> Labelled:
        """Predicts (batch,) serialized raw tf.train.Examples with their labels.

        Raises:
          Failure: the answers do not fit the vocabulary, or the labels are of another type.
          tf.errors.InvalidArgumentError: an image cannot be decoded.
        """
        answers = self._serve(examples=examples)
        probabilities = answers["probabilities"].numpy()
        self._check_classes(probabilities)
        return Labelled(
            self._joint(answers["predicted"].numpy() > 0),
            self._joint(probabilities),
            self._joint(self._truths(examples)),
        )

    def _truths(self, examples: tf.Tensor) -> np.ndarray:
        try:
            own = self._truth(examples).numpy() > 0
        except tf.errors.InvalidArgumentError as error:
            reason = cause(error, _UNNAMED)
            raise self.place.failure(
                f"cannot take the labels of the Examples ({reason})"
            ) from error
        return own.reshape(-1, len(self.to_joint))

    def _joint(self, own: np.ndarray) -> np.ndarray:
        found = np.zeros((len(own), self._classes), own.dtype)
        found[:, self.to_joint] = own
        return found
