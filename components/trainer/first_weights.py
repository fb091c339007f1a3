"""What a training begins with instead of random weights."""

import dataclasses
import os
import re
import warnings
import zipfile
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from components import graph_error
from components.trainer import stages, weights_place
from failures import Failure
from files import places
from settings.first_weights import NETWORK_FILE, is_keras_file

_SAVED = re.compile(r"_weights/(\d+)/\.ATTRIBUTES/VARIABLE_VALUE")


@dataclasses.dataclass(frozen=True)
class FirstWeights:
    """The weights of a model that this project trained.

    Attributes:
      place: where they were read, for people.
      fingerprint: of their content.
      network: the name of their network, for people.
      classes: of that model, in their order.
      pixels: mean and standard deviation of each channel, 0..255, that it was trained with.
      values: all its floating-point variables in the order of `keras.Model.variables`.
    """

    place: str
    fingerprint: str
    network: str
    classes: Sequence[str]
    pixels: tuple[Sequence[float], Sequence[float]]
    values: Sequence[np.ndarray]

    def give_to(self, model: keras.Model, classes: Sequence[str]) -> None:
        """Makes them the weights of the model, as far as they mean something to its classes.

        The last layer begins at 0 where the classes are others. Of a model of another kind that has
        the same backbone, the backbone's weights are given.

        Raises:
          Failure: neither all layers but the last one nor the backbone are the same.
        """
        own = _floating(model.variables)
        last = len(_floating(stages.last_with_weights(model).variables))
        if _fit(own[:-last], self.values[:-last]):
            same = list(classes) == list(self.classes) and _fit(own, self.values)
            _assign(model, own if same else own[:-last], self.values)
            if not same:
                _clear_last(model)
            return
        inner = stages.backbone(model)
        body = _floating(inner.variables) if inner else []
        if not body or not _fit(body, self.values[: len(body)]):
            raise self._misfit(model, own)
        _assign(model, body, self.values)
        _clear_last(model)

    def check_channels(self, channels: int) -> None:
        """Raises Failure where they were trained with another number of colours."""
        if len(self.pixels[0]) != channels:
            raise Failure(
                f"Trainer: model.weights: the weights in {self.place} were trained with "
                f"preprocessing.channels {len(self.pixels[0])}; given {channels}"
            )

    def _misfit(self, model: keras.Model, own: list) -> Failure:
        pairs = enumerate(zip(own, self.values, strict=False), start=1)
        others = [(n, tuple(v.shape), w.shape) for n, (v, w) in pairs if tuple(v.shape) != w.shape]
        about = f"it has {len(own)} arrays of weights, and they are {len(self.values)}"
        if others:
            number, mine, given = others[0]
            about = f"its array {number} has the shape {mine}, and theirs {given}"
        return Failure(
            f"Trainer: model.weights: the weights in {self.place}, of {self.network}, do not fit "
            f"{model.name}: {about}. Give the model the name, the parameters and the channels of "
            "those weights."
        )


@dataclasses.dataclass(frozen=True)
class KerasFile:
    """A file of Keras weights of a backbone, without a classifier."""

    place: str
    fingerprint: str

    def give_to(self, model: keras.Model, classes: Sequence[str]) -> None:
        """Raises Failure where the file holds the weights of another model."""
        del classes  # There is no classifier among them.
        inner = stages.backbone(model)
        if inner is None:
            raise Failure(
                f"Trainer: model.weights: given {self.place!r}; allowed with {model.name}, which "
                "has no backbone of its own: the folder of a model that this project trained"
            )
        try:
            with weights_place.local(self.place) as file, warnings.catch_warnings():
                # Keras warns about every list of its layers that no file holds.
                warnings.simplefilter("ignore", UserWarning)
                inner.load_weights(file)
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            # Keras names the first layer that does not fit, and then lists all of them.
            reason = " ".join(str(error).split()).partition(" List of objects")[0]
            raise Failure(
                f"Trainer: the weights in {self.place} do not fit {inner.name}: "
                f"{reason[:400].rstrip('.')}. Use weights of exactly this model without its "
                "classifier, or change model.parameters and preprocessing.channels to those of "
                "the weights."
            ) from error
        _check_finite(self.place, [variable.numpy() for variable in inner.variables])
        _clear_last(model)


def read(place: str | None) -> FirstWeights | KerasFile | None:
    """What is at the place that `model.weights` names.

    Raises:
      Failure: nothing that a training could begin with.
    """
    if place is None:
        return None
    fingerprint = weights_place.fingerprint_of(place)
    if is_keras_file(place):
        return KerasFile(place, fingerprint)
    with weights_place.local(place) as folder:
        about = places.read_json(os.path.join(folder, NETWORK_FILE))
        if about is None:
            raise Failure(
                f"Trainer: model.weights: {place} does not say which network it is "
                f"({NETWORK_FILE} is missing). Name a model that this version of the project "
                "trained."
            )
        try:
            pixels = about["pixel_mean"], about["pixel_std"]
            known = about["network"], about["classes"], pixels, _values(folder)
        except (tf.errors.OpError, KeyError, TypeError, ValueError) as error:
            raise Failure(
                f"Trainer: model.weights: {place} is damaged: {graph_error.first_line(error)}. "
                "Copy the model again, or name another."
            ) from error
    found = FirstWeights(place, fingerprint, *known)
    _check_finite(place, found.values)
    return found


def _values(folder: str) -> list[np.ndarray]:
    reader = tf.train.load_checkpoint(os.path.join(folder, "variables", "variables"))
    found = filter(None, map(_SAVED.fullmatch, reader.get_variable_to_shape_map()))
    names = [match[0] for match in sorted(found, key=lambda match: int(match[1]))]
    read = [reader.get_tensor(name) for name in names]
    # The counter of a random generator is not one of them.
    return [value for value in read if np.issubdtype(value.dtype, np.floating)]


def _check_finite(place: str, values: Sequence[np.ndarray]) -> None:
    """The training would say that it diverges, and that its learning rate is too high."""
    if not all(np.isfinite(value).all() for value in values):
        raise Failure(
            f"Trainer: model.weights: some weights in {place} are not finite numbers. Name others."
        )


def _floating(variables: Sequence) -> list:
    return [variable for variable in variables if "float" in variable.dtype]


def _fit(variables: Sequence, values: Sequence[np.ndarray]) -> bool:
    return [tuple(variable.shape) for variable in variables] == [value.shape for value in values]


def _clear_last(model: keras.Model) -> None:
    """Random answers to features that mean something take many steps to forget.

    As in Big Transfer (Kolesnikov and others, 2020, arXiv:1912.11370).
    """
    for variable in stages.last_with_weights(model).trainable_variables:
        variable.assign(np.zeros(variable.shape, np.float32))


def _assign(model: keras.Model, variables: Sequence, values: Sequence[np.ndarray]) -> None:
    for variable, value in zip(variables, values, strict=False):
        variable.assign(value)
    take_effect(model)


def take_effect(model: keras.Model) -> None:
    """To be called after weights were assigned: normalisation computes with a copy of its own."""
    # `model.layers` does not look into layers of user code that hold others.
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()
