"""A segmenting SavedModel as a server would call it, and the truth as its transform sees it."""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from components.evaluator.plan import ModelPlace
from components.evaluator.served_model import load_signatures


@dataclass(frozen=True)
class Segmented:
    """A model's answers to a batch, in its own classes."""

    mask: np.ndarray  # (batch, height, width) uint8, the most probable class
    probabilities: np.ndarray  # (batch, height, width, own classes) float32
    truth: np.ndarray  # (batch, height, width) uint8, 255 where there is none
    images: np.ndarray  # (batch,) bytes objects of transformed pixels

    def image(self, index: int) -> np.ndarray:
        """The transformed image, (height, width, channels) uint8."""
        pixels = np.frombuffer(self.images[index], np.uint8)
        return pixels.reshape(*self.mask.shape[1:], -1)


class ServedSegmenter:
    """Answers serialized raw Examples.

    Attributes:
      pixels: of an image that the model sees.
      to_joint: (own classes,) int16 positions in the joint vocabulary.
      from_joint: (n,) int16 own classes, -1 for those that the model does not know.
      truth_to_joint: (256,) int16 as `to_joint`, -1 for pixels of no class.
    """

    def __init__(self, place: ModelPlace, class_names: list[str]):
        """Loads the model.

        Args:
          place: where it is.
          class_names: the joint vocabulary; it holds every name of the model's own.

        Raises:
          Failure: it cannot be loaded, lacks a signature or does not segment images of one size.
        """
        self.place = place
        self._model, self._serve, self._transform = load_signatures(place)
        outputs = self._serve.structured_outputs
        if "mask" not in outputs:
            raise place.failure("gives an image one answer, not one for each pixel")
        if not outputs["mask"].shape[1:].is_fully_defined():
            raise place.failure("does not have a fixed image size")
        self.pixels = outputs["mask"].shape[1:].num_elements()
        own = place.class_names()
        joint = {name: position for position, name in enumerate(class_names)}
        self.to_joint = np.array([joint[name] for name in own], np.int16)
        self.from_joint = np.full(len(class_names), -1, np.int16)
        self.from_joint[self.to_joint] = np.arange(len(own))
        self.truth_to_joint = np.full(256, -1, np.int16)
        self.truth_to_joint[: len(own)] = self.to_joint

    def predict(self, examples: tf.Tensor) -> Segmented:
        """Predicts a batch.

        Args:
          examples: (batch,) string, serialized raw tf.train.Examples with masks.

        Raises:
          Failure: the answers do not fit the vocabulary.
          tf.errors.InvalidArgumentError: an image or a mask cannot be decoded.
        """
        seen = self._transform(examples=examples)
        answers = self._serve(examples=examples)
        mask = answers["mask"].numpy()
        probabilities = answers["probabilities"].numpy()
        if probabilities.shape[-1] != len(self.to_joint):
            raise self.place.failure(
                f"gives {probabilities.shape[-1]} probabilities a pixel and has "
                f"{len(self.to_joint)} class names"
            )
        truth = np.frombuffer(b"".join(seen["mask"].numpy().ravel()), np.uint8)
        return Segmented(
            mask, probabilities, truth.reshape(mask.shape), seen["image"].numpy().ravel()
        )
