"""A pushed SavedModel, asked as a server asks it. Imports TensorFlow and nothing larger."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from components.failure import Failure
from components.model_store.names import SAVED_MODEL_FILES, is_version_name

_UNLOADABLE = (OSError, ValueError, KeyError, AttributeError, TypeError, tf.errors.OpError)


@dataclass(frozen=True)
class Answer:
    """What the model says of one image, or why it says nothing."""

    probabilities: np.ndarray | None = None  # (classes,) float32
    class_id: int = -1
    label: str = ""
    error: str = ""


class PushedModel:
    """A loaded SavedModel with the signatures that the Trainer gives."""

    def __init__(self, path: str):
        """Loads it.

        Raises:
          Failure: it cannot be loaded, or lacks the signatures or the label vocabulary.
        """
        self.path = path
        try:
            # Held: the signatures alone do not keep the variables alive.
            self._model = tf.saved_model.load(path)
            self._images = self._model.signatures["serving_default"]
            self._examples = self._model.signatures["serve_examples"]
            with tf.io.gfile.GFile(os.path.join(path, "assets", "labels")) as file:
                self.labels = file.read().splitlines()
        except _UNLOADABLE as error:
            cause = str(error).strip().split("\n")[0][:200] or type(error).__name__
            raise Failure(
                f"The model {path} cannot be loaded: {cause}. Name a version that this "
                "pipeline pushed."
            ) from error

    def answer_images(self, images: Sequence[bytes]) -> list[Answer]:
        """Answers (batch,) encoded PNG or JPEG images, one Answer each."""
        return _answers(lambda batch: self._images(image=batch), images)

    def answer_examples(self, examples: Sequence[bytes]) -> list[Answer]:
        """Answers (batch,) serialized raw tf.train.Examples, one Answer each."""
        return _answers(lambda batch: self._examples(examples=batch), examples)


def newest_path(destination: str) -> str:
    """The folder of the version that TensorFlow Serving would serve.

    Args:
      destination: a push destination, or the folder of one SavedModel.

    Raises:
      Failure: there is no model.
    """
    if _is_model(destination):
        return destination
    if tf.io.gfile.isdir(destination):
        names = [name.rstrip("/") for name in tf.io.gfile.listdir(destination)]
        for number in sorted((int(name) for name in names if is_version_name(name)), reverse=True):
            if _is_model(os.path.join(destination, str(number))):
                return os.path.join(destination, str(number))
    raise Failure(f"{destination} holds no model. Run the pipeline first, or name another folder.")


def _is_model(folder: str) -> bool:
    return any(tf.io.gfile.exists(os.path.join(folder, name)) for name in SAVED_MODEL_FILES)


def _answers(ask: Callable, batch: Sequence[bytes]) -> list[Answer]:
    if not len(batch):
        return []
    try:
        told = ask(tf.constant(batch, tf.string))
    except tf.errors.InvalidArgumentError as error:
        if len(batch) == 1:
            return [Answer(error=_cause(error))]
        # One broken image fails its whole batch; halves find it in a few calls.
        middle = len(batch) // 2
        return _answers(ask, batch[:middle]) + _answers(ask, batch[middle:])
    probabilities = told["probabilities"].numpy()  # (batch, classes) float32
    classes, labels = told["class"].numpy().tolist(), told["label"].numpy().tolist()
    return [
        Answer(*row) for row in zip(probabilities, classes, map(bytes.decode, labels), strict=True)
    ]


def _cause(error: tf.errors.OpError) -> str:
    """The first line of a graph's error that says something, without the nodes' names."""
    lines = [line.strip() for line in error.message.splitlines() if line.strip()]
    noise = ("Detected at", "Graph execution", "<", "[[", "Error executing")
    told = [line for line in lines if not line.startswith(noise)]
    return (told or ["it cannot be decoded"])[0].split(" [[")[0][:200]
