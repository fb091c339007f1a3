"""A pushed SavedModel, called as a server calls it. Imports TensorFlow and nothing larger."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from components import graph_error, saved_vocabulary
from components.image_decode import UNDECODABLE
from components.image_flaws import flaw_of
from components.model_store.model_files import local_model
from failures import Failure
from files import places

CLASSIFICATION, SEGMENTATION = "classification", "segmentation"
_MASK_BYTES = 64 << 20  # of probabilities at once, for segmentation
_UNKNOWN_SIZE = 8  # images at once when the signature does not give their size


@dataclass(frozen=True)
class Answer:
    """What the model answers for one image, or why it cannot answer.

    For segmentation, `probabilities` are the means over the image's pixels.
    """

    probabilities: np.ndarray | None = None  # (classes,) float32
    class_id: int = -1
    label: str = ""
    error: str = ""
    mask: np.ndarray | None = None  # (height, width) uint8 class ids, for segmentation

    def shares(self) -> np.ndarray:
        """(classes,) float64: the part of the mask's pixels that each class has."""
        return np.bincount(self.mask.ravel(), minlength=len(self.probabilities)) / self.mask.size


class PushedModel:
    """A loaded SavedModel with the signatures that the Trainer gives.

    Attributes:
      path: of the SavedModel.
      labels: (classes,) the name of each class.
      task: "classification" or "segmentation".
    """

    def __init__(self, path: str):
        """Loads it.

        Raises:
          Failure: it cannot be loaded, or lacks the signatures or the label vocabulary.
        """
        self.path = path
        try:
            # Held: the signatures alone do not keep the variables alive.
            with local_model(path) as folder:
                self._model = tf.saved_model.load(folder)
                self.labels = saved_vocabulary.read(folder)
            self._images = self._model.signatures["serving_default"]
            self._examples = self._model.signatures["serve_examples"]
            outputs = self._images.structured_outputs
            self.task = SEGMENTATION if "mask" in outputs else CLASSIFICATION
            self._most = self._images_at_once(outputs["probabilities"].shape)
        except graph_error.UNLOADABLE as error:
            cause = graph_error.first_line(error)
            raise Failure(
                f"The model {path} cannot be loaded: {cause}. "
                "Name a version that this pipeline pushed."
            ) from error

    def answer_images(self, images: Sequence[bytes | OSError]) -> list[Answer]:
        """Answers (batch,) encoded images, or why one could not be read; one Answer each."""
        read = [image for image in images if isinstance(image, bytes)]
        answers = iter(self._answers(lambda batch: self._images(image=batch), read, flaw_of))
        return [
            next(answers)
            if isinstance(one, bytes)
            else Answer(error=f"it cannot be read: {places.why(one)}")
            for one in images
        ]

    def answer_examples(self, examples: Sequence[bytes]) -> list[Answer]:
        """Answers (batch,) serialized raw tf.train.Examples, one Answer each."""

        def ask(batch: tf.Tensor) -> dict[str, tf.Tensor]:
            return self._examples(examples=batch)

        return self._answers(ask, examples, lambda _, said: said)

    def _answers(self, ask: Callable, batch: Sequence[bytes], flaw: Callable) -> list[Answer]:
        read = _segmented if self.task == SEGMENTATION else _classified
        most = self._most or len(batch) or 1
        return [
            answer
            for start in range(0, len(batch), most)
            for answer in _asked(ask, batch[start : start + most], read, flaw)
        ]

    def _images_at_once(self, shape: tf.TensorShape) -> int | None:
        if self.task == CLASSIFICATION:
            return None
        values = shape[1:].num_elements()  # height * width * classes
        return max(1, _MASK_BYTES // (4 * values)) if values else _UNKNOWN_SIZE


def _asked(ask: Callable, batch: Sequence[bytes], read: Callable, flaw: Callable) -> list[Answer]:
    """Answers; `flaw` says what is wrong with one that has none, by its bytes and the error."""
    try:
        answers = ask(tf.constant(batch, tf.string))
    # TensorFlow's message repeats the bytes of a record that is not an Example.
    except (*UNDECODABLE, UnicodeDecodeError) as error:
        if len(batch) == 1:
            return [Answer(error=flaw(batch[0], _cause(error)))]
        # One broken image fails its whole batch; halves find it in a few calls.
        middle = len(batch) // 2
        halves = batch[:middle], batch[middle:]
        return [answer for half in halves for answer in _asked(ask, half, read, flaw)]
    return read({name: tensor.numpy() for name, tensor in answers.items()})


def _classified(answers) -> list[Answer]:
    labels = map(bytes.decode, answers["label"].tolist())
    return list(map(Answer, answers["probabilities"], answers["class"].tolist(), labels))


def _segmented(answers) -> list[Answer]:
    means = answers["probabilities"].mean(axis=(1, 2))  # (batch, classes) float32
    return [Answer(mean, mask=mask) for mean, mask in zip(means, answers["mask"], strict=True)]


def _cause(error: tf.errors.OpError | UnicodeDecodeError) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "it is not a tf.train.Example"
    return graph_error.cause(error, "it cannot be decoded")
