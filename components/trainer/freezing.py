"""Layers that keep their weights and statistics for the first epochs of a training."""

import contextlib
from collections.abc import Iterator

import keras
import tensorflow as tf

from components.trainer import stages
from components.trainer.model import build_model
from failures import Failure, did_you_mean
from settings.model import Model
from settings.own_code import is_own
from settings.preprocessing import Preprocessing
from settings.training import Recipe, Training


def where_weights_were_given(recipe: Recipe) -> Training:
    """The section `training`, which freezes nothing where the network's weights are random.

    The trials of a search of model.weights may begin without any. A network of the user's own may
    load weights by itself.
    """
    if recipe.model.weights or is_own(recipe.model.name):
        return recipe.training
    return recipe.training.model_copy(update={"freeze_epochs": 0, "freeze_to": None})


class Freezing:
    """Which layers a training freezes, and for how long.

    Frozen batch normalisation normalises by its statistics, as in evaluation: Keras does so for
    any that is not trainable.

    Args:
      training: says how many epochs, and up to which layer.

    Raises:
      Failure: there is no such layer, or nothing would be left to train.
    """

    def __init__(self, model: keras.Model, training: Training):
        self._epochs = training.freeze_epochs
        self.for_good = 0 < training.epochs <= training.freeze_epochs
        self.layers = _frozen(model, training.freeze_to) if training.freeze_epochs else []

    def holds(self, epochs: int) -> bool:
        """Whether the layers are frozen after this many whole epochs."""
        return epochs < self._epochs

    @contextlib.contextmanager
    def applied(self, frozen: bool) -> Iterator[None]:
        """Steps that are traced in the block leave the layers as they are, if `frozen`."""
        held = [layer for layer in self.layers if frozen and layer.trainable]
        # Keras sets all that a layer holds with it, and user code may have frozen some of that.
        before = [(part, part.trainable) for layer in held for part in _parts(layer)]
        for layer in held:
            layer.trainable = False
        try:
            yield
        finally:
            for part, trainable in before:
                if part.trainable != trainable:
                    part.trainable = trainable


def _parts(layer: keras.layers.Layer) -> list[keras.layers.Layer | keras.Variable]:
    """The layer, all that it holds, each after what holds it, and their variables."""
    return [*layer._flatten_layers(), *layer.variables]


def check_layer(network: Model, preprocessing: Preprocessing, training: Training) -> None:
    """Builds the network to see whether it has the layer `training.freeze_to`.

    Raises:
      Failure: there is no such layer, nothing would be left to train, or the network cannot be
        built for images of this size.
    """
    channels = preprocessing.channels
    shape = preprocessing.height, preprocessing.width, channels
    with tf.device("CPU"):  # A training may have the accelerator.
        model = build_model(network, shape, 2, [0.0] * channels, [1.0] * channels)
    Freezing(model, training)


def _frozen(model: keras.Model, last: str | None) -> list[keras.layers.Layer]:
    if last is None:
        return stages.body(model)
    layers = stages.leaves(model)
    names = [layer.name for layer in layers]
    if last not in names:
        inner = stages.backbone(model) or model
        raise Failure(
            f"Trainer: training.freeze_to: given {last!r}, which is not a layer of {inner.name}; "
            f"allowed: {_some(names)}{did_you_mean(last, names)}"
        )
    frozen = layers[: names.index(last) + 1]
    if stages.last_with_weights(model) in frozen:
        raise Failure(
            f"Trainer: training.freeze_to: given {last!r}, with which no layer is left to train; "
            f"allowed: one before {stages.last_with_weights(model).name}"
        )
    return frozen


def _some(names: list[str]) -> str:
    few = names if len(names) <= 8 else [*names[:4], "…", *names[-4:]]
    return ", ".join(few)
