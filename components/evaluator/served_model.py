"""A SavedModel as a server would call it: through its own preprocessing and signatures."""

import numpy as np
import tensorflow as tf

from components.evaluator.plan import ModelPlace
from components.graph_error import cause

_UNNAMED = "its graph does not say why"
_SIGNATURES = ("serve_examples", "transform_features")
_UNLOADABLE = (OSError, ValueError, KeyError, AttributeError, TypeError, tf.errors.OpError)


def load_signatures(place: ModelPlace) -> tuple:
    """The loaded model, and its signatures `serve_examples` and `transform_features`.

    Raises:
      Failure: it cannot be loaded or lacks a signature.
    """
    try:
        model = tf.saved_model.load(place.path)
    except _UNLOADABLE as error:
        raise place.failure(f"cannot be loaded ({_first_line(error)})") from error
    missing = [name for name in _SIGNATURES if name not in model.signatures]
    if missing:
        raise place.failure(f"lacks the signature {missing[0]}")
    return model, *(model.signatures[name] for name in _SIGNATURES)


class ServedModel:
    """Answers serialized raw Examples in the classes of a joint vocabulary of n names."""

    def __init__(self, place: ModelPlace, class_names: list[str]):
        """Loads the model.

        Args:
          place: where it is.
          class_names: the joint vocabulary; it holds every name of the model's own.

        Raises:
          Failure: it cannot be loaded, lacks a signature or does not classify.
        """
        self.place = place
        self._model, self._serve, self._transform = load_signatures(place)
        if "class" not in self._serve.structured_outputs:
            raise place.failure("does not give an image one class")
        joint = {name: position for position, name in enumerate(class_names)}
        own = place.class_names()
        self._to_joint = np.array([joint[name] for name in own], np.int64)  # (own classes,)
        self._classes = len(class_names)

    def predict(self, examples: tf.Tensor) -> tuple[np.ndarray, np.ndarray]:
        """Predicts a batch.

        Args:
          examples: (batch,) string, serialized raw tf.train.Examples.

        Returns:
          predicted: (batch,) int64 in 0..n-1, the most probable class.
          probabilities: (batch, n) float32, 0 for classes that the model does not know.

        Raises:
          tf.errors.InvalidArgumentError: an image cannot be decoded.
        """
        answers = self._serve(examples=examples)
        own = answers["probabilities"].numpy()  # (batch, own classes) float32
        if own.shape[1] != len(self._to_joint):
            raise self.place.failure(
                f"gives {own.shape[1]} probabilities and has {len(self._to_joint)} class names"
            )
        probabilities = np.zeros((len(own), self._classes), np.float32)
        probabilities[:, self._to_joint] = own
        return self._to_joint[answers["class"].numpy()], probabilities

    def label_ids(self, examples: tf.Tensor) -> np.ndarray:
        """The classes that the model's own transform gives to the labels of Examples.

        Args:
          examples: (batch,) string, serialized raw tf.train.Examples with labels.

        Returns:
          (batch,) int64 in 0..n-1, or -1 for labels out of the model's vocabulary.

        Raises:
          Failure: the model's labels are of another type, or in another feature.
        """
        try:
            own = tf.reshape(self._transform(examples=examples)["label"], [-1]).numpy()
        except tf.errors.InvalidArgumentError as error:
            reason = cause(error, _UNNAMED)
            raise self.place.failure(
                f"cannot take the labels of the Examples ({reason})"
            ) from error
        return np.where(own < 0, -1, self._to_joint[own])


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0][:200] or type(error).__name__
