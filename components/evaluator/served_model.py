"""A SavedModel called as a server calls it: through its own preprocessing and signatures."""

import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from components.evaluator.plan import ModelPlace
from components.graph_error import UNLOADABLE, cause, first_line
from settings.data import NO_CLASS

_UNNAMED = "its graph does not say why"
_SIGNATURES = ("serve_examples", "transform_features")


class Served:
    """A loaded model, whose classes have positions in a joint vocabulary of n names.

    Attributes:
      place: where it is.
      to_joint: (own classes,) int64 positions in the joint vocabulary.
    """

    def __init__(self, place: ModelPlace, class_names: list[str]):
        """Loads it; raises a Failure where it has no use here. `class_names` are the joint ones."""
        self.place = place
        try:
            # Held: the signatures alone do not keep the variables alive.
            self._model = tf.saved_model.load(place.path)
        except UNLOADABLE as error:
            raise place.failure(f"cannot be loaded ({first_line(error)})") from error
        for name in _SIGNATURES:
            if name not in self._model.signatures:
                raise place.failure(f"lacks the signature {name}")
        self._serve, self._transform = (self._model.signatures[name] for name in _SIGNATURES)
        joint = {name: position for position, name in enumerate(class_names)}
        self.to_joint = np.array([joint[name] for name in place.class_names()], np.int64)

    @functools.cached_property
    def _target(self) -> Callable[[tf.Tensor], tf.Tensor]:
        """The part of the model's transform that numbers labels; the whole decodes images too."""
        examples = tf.TensorSpec([None], tf.string)
        return tf.function(lambda one: self._labels(self._transform(examples=one)), [examples])

    def _targets(self, examples: tf.Tensor) -> np.ndarray:
        """What the model's own transform makes of the labels of (batch,) serialized Examples.

        Raises:
          Failure: the model's labels are of another type, or in another feature.
        """
        try:
            return self._target(examples).numpy()
        except tf.errors.InvalidArgumentError as error:
            reason = cause(error, _UNNAMED)
            raise self.place.failure(
                f"cannot take the labels of the Examples ({reason})"
            ) from error

    def _labels(self, transformed: Mapping[str, tf.Tensor]) -> tf.Tensor:
        raise NotImplementedError

    def _check_classes(self, probabilities: np.ndarray, of: str = "") -> None:
        if probabilities.shape[-1] != len(self.to_joint):
            raise self.place.failure(
                f"gives {probabilities.shape[-1]} probabilities{of} and has "
                f"{len(self.to_joint)} class names"
            )


class ServedModel(Served):
    """Classifies serialized raw Examples."""

    def __init__(self, place: ModelPlace, class_names: list[str]):
        super().__init__(place, class_names)
        if "class" not in self._serve.structured_outputs:
            raise place.failure("does not give an image one class")
        self._classes = len(class_names)

    def _labels(self, transformed):
        return transformed["label"]

    def predict(self, examples: tf.Tensor) -> tuple[np.ndarray, np.ndarray]:
        """Predicts (batch,) serialized raw tf.train.Examples.

        Returns:
          predicted: (batch,) int64 in 0..n-1, the most probable class.
          probabilities: (batch, n) float32, 0 for classes that the model does not know.

        Raises:
          tf.errors.InvalidArgumentError: an image cannot be decoded.
        """
        answers = self._serve(examples=examples)
        own = answers["probabilities"].numpy()  # (batch, own classes) float32
        self._check_classes(own)
        probabilities = np.zeros((len(own), self._classes), np.float32)
        probabilities[:, self.to_joint] = own
        return self.to_joint[answers["class"].numpy()], probabilities

    def label_ids(self, examples: tf.Tensor) -> np.ndarray:
        """The classes that the model's own transform gives to (batch,) serialized Examples.

        Returns:
          (batch,) int64 in 0..n-1, or -1 for labels out of the model's vocabulary.

        Raises:
          Failure: the model's labels are of another type, or in another feature.
        """
        own = self._targets(examples).ravel()
        return np.where(own < 0, -1, self.to_joint[own])


@dataclass(frozen=True)
class Segmented:
    """A model's answers to a batch, in its own classes, and the truth as its transform sees it."""

    mask: np.ndarray  # (batch, height, width) uint8, the most probable class
    probabilities: np.ndarray  # (batch, height, width, own classes) float32
    truth: np.ndarray  # (batch, height, width) uint8, 255 where there is none
    images: np.ndarray  # (batch,) bytes objects of transformed pixels

    def image(self, index: int) -> np.ndarray:
        """The transformed image, (height, width, channels) uint8."""
        pixels = np.frombuffer(self.images[index], np.uint8)
        return pixels.reshape(*self.mask.shape[1:], -1)


class ServedSegmenter(Served):
    """Segments serialized raw Examples.

    Attributes:
      from_joint: (n,) int16 own classes, -1 for those that the model does not know.
      truth_to_joint: (256,) int16 as `to_joint`, -1 for pixels of no class; see `read_as`.
    """

    def __init__(self, place: ModelPlace, class_names: list[str]):
        super().__init__(place, class_names)
        outputs = self._serve.structured_outputs
        if "mask" not in outputs:
            raise place.failure("gives an image one answer, not one for each pixel")
        if not outputs["mask"].shape[1:].is_fully_defined():
            raise place.failure("does not have a fixed image size")
        self.to_joint = self.to_joint.astype(np.int16)
        self.from_joint = np.full(len(class_names), -1, np.int16)
        self.from_joint[self.to_joint] = np.arange(len(self.to_joint))
        self.truth_to_joint = np.full(256, -1, np.int16)
        self.truth_to_joint[: len(self.to_joint)] = self.to_joint

    def read_as(self, classes: Iterable[bytes]) -> None:
        """Changes `truth_to_joint`: the model's transform may take a pixel value for another class.

        Classes that are not among those given keep their names.

        Args:
          classes: serialized Examples, each with a mask of one class alone, in the order of the
            first joint classes.

        Raises:
          Failure: the model cannot take such masks.
        """
        masks = [self._targets(tf.constant([example])).item() for example in classes]
        own = [np.frombuffer(mask, np.uint8).min() for mask in masks]  # Padding is NO_CLASS.
        self.truth_to_joint[self.truth_to_joint < len(own)] = -1
        for number, of_number in enumerate(own):
            if of_number != NO_CLASS:
                self.truth_to_joint[of_number] = number

    def _labels(self, transformed):
        return transformed["mask"]

    def predict(self, examples: tf.Tensor) -> Segmented:
        """Predicts (batch,) serialized raw tf.train.Examples with masks.

        Raises:
          Failure: the answers do not fit the vocabulary.
          tf.errors.InvalidArgumentError: an image or a mask cannot be decoded.
        """
        seen = self._transform(examples=examples)
        answers = self._serve(examples=examples)
        mask = answers["mask"].numpy()
        probabilities = answers["probabilities"].numpy()
        self._check_classes(probabilities, " a pixel")
        truth = np.frombuffer(b"".join(seen["mask"].numpy().ravel()), np.uint8)
        return Segmented(
            mask, probabilities, truth.reshape(mask.shape), seen["image"].numpy().ravel()
        )
