"""Builds the model: uint8 images in, logits out, everything in between inside the model."""

from types import ModuleType

import keras
import tensorflow as tf

import models
from components import graph_error, own_code
from components.full_memory import is_full_memory
from components.trainer import own_network
from components.trainer.first_weights import FirstWeights, KerasFile
from failures import Failure
from settings.model import Model
from settings.own_code import is_own, split


def build_model(
    section: Model,
    image_shape: tuple[int, int, int],
    classes: int,
    pixel_mean: list[float],
    pixel_std: list[float],
    per_pixel: bool | None = None,
    first_weights: FirstWeights | KerasFile | None = None,
) -> keras.Model:
    """The untrained model that the section describes, for images of (height, width, channels).

    Args:
      pixel_mean, pixel_std: one for each channel, over the training split, 0..255.
      per_pixel: whether a user's network must answer for pixels or for the image; None: either.
      first_weights: what `model.weights` names; None for random weights. They replace the pixels'
        statistics with those of their own training, and are not given to the model yet.

    Returns:
      A model from images (batch, height, width, channels) uint8 to logits float32: (batch,
      classes), or for segmentation (batch, height, width, classes).

    Raises:
      Failure: the network cannot be built for such images, or does not fit into memory.
    """
    network = None if is_own(section.name) else models.load(section.name)
    known = _known_pixels(network, first_weights, image_shape[-1])
    pixel_mean, pixel_std = known or (pixel_mean, pixel_std)
    # Bytes cross the bus; floats begin here.
    images = keras.Input(image_shape, dtype="uint8", name="image")
    pixels = keras.layers.Normalization(
        mean=pixel_mean,
        # A channel of one single value has no spread to divide by.
        variance=[max(std, 1.0) ** 2 for std in pixel_std],
        dtype="float32",  # bfloat16 would round a mean of 130.6 to 131.
        name="normalisation",
    )(images)
    try:
        if network is None:
            model = _own_model(section, images, pixels, classes, per_pixel)
        else:
            logits = network.network(pixels, classes, **section.parameters)
            model = keras.Model(images, logits, name=section.name)
    except (TypeError, ValueError) as error:
        reason = str(error).splitlines()[0].rstrip(".") + "."
        raise Failure(
            f'Trainer: the model "{section.name}" cannot be built for images of {image_shape} '
            f"with {section.parameters}: {reason} Change the model's parameters or the image's "
            "size."
        ) from error
    except tf.errors.OpError as error:
        if not is_full_memory(error):
            raise
        raise Failure(
            f'Trainer: the model "{section.name}" with {section.parameters} does not fit into the '
            f"device's memory ({graph_error.cause(error, 'out of memory')}). Choose a smaller "
            "model or image."
        ) from error
    return model


def _known_pixels(
    network: ModuleType | None, first_weights: FirstWeights | KerasFile | None, channels: int
) -> tuple[list[float], list[float]] | None:
    """By which mean and deviation the network's weights want pixels; None: the data's."""
    if getattr(network, "OWN_PREPROCESSING", False):
        return [0.0] * channels, [1.0] * channels
    if isinstance(first_weights, FirstWeights):
        first_weights.check_channels(channels)
        return first_weights.pixels
    if first_weights and hasattr(network, "PRETRAINED_PIXELS"):
        mean, std = network.PRETRAINED_PIXELS
        return [mean] * channels, [std] * channels
    return None


def _own_model(section: Model, images, pixels, classes: int, per_pixel: bool | None) -> keras.Model:
    logits = own_network.logits_of(section.name, section.parameters, pixels, classes, per_pixel)
    with own_code.reported("Trainer", section.name):  # They may come from elsewhere.
        return keras.Model(images, logits, name=split(section.name)[1])
