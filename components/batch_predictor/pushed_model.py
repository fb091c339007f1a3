"""A pushed SavedModel, called as a server calls it. Imports TensorFlow and nothing larger."""

from collections.abc import Callable, Sequence

import tensorflow as tf

from components import graph_error, saved_vocabulary
from components.batch_predictor.answer import Answer
from components.image_decode import UNDECODABLE
from components.image_flaws import flaw_of
from components.images_at_once import images_at_once
from components.model_store.model_files import local_model
from components.model_store.versions import fingerprint_at
from components.tasks.answers import answers_of, task_of
from failures import Failure
from files import places


class PushedModel:
    """A loaded SavedModel with the signatures that the Trainer gives.

    Attributes:
      path: of the SavedModel.
      fingerprint: of its content, as in its push record.
      labels: (classes,) the name of each class.
      answers: how its task's answers are read and told, `answers.py` of the task's folder.
      gives_masks: whether it answers with a mask of each image.
      at_once: the most images of a call; None where their number does not matter.
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
                self.fingerprint = fingerprint_at(folder)
                self._images = self._model.signatures["serving_default"]
                self._examples = self._model.signatures["serve_examples"]
                outputs = self._images.structured_outputs
                task = task_of(outputs)
                self.answers = answers_of(task)
                self.gives_masks = "mask" in outputs
                self.at_once = images_at_once(folder, task)
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
        most = self.at_once or len(batch) or 1
        return [
            answer
            for start in range(0, len(batch), most)
            for answer in _asked(ask, batch[start : start + most], self.answers.read, flaw)
        ]


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


def _cause(error: tf.errors.OpError | UnicodeDecodeError) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "it is not a tf.train.Example"
    return graph_error.cause(error, "it cannot be decoded")
