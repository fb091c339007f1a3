"""A model by name: uint8 images in, logits out, everything in between inside the model."""

import importlib
import inspect
from collections.abc import Mapping

import keras
import tensorflow as tf

from components import graph_error
from components.trainer.models.names import MODEL_NAMES
from failures import Failure


def build_model(
    parameters: Mapping,
    image_shape: tuple[int, int, int],
    classes: int,
    pixel_mean: list[float],
    pixel_std: list[float],
) -> keras.Model:
    """The model that `parameters` describe, not yet trained.

    Args:
      parameters: `name`, one of `MODEL_NAMES`, and what that model's `network` takes.
      image_shape: (height, width, channels).
      classes: how many there are.
      pixel_mean, pixel_std: one for each channel, of the training split, in 0..255; weights
        that are given bring their own.

    Returns:
      A model from images (batch, height, width, channels) uint8 to logits float32: (batch,
      classes), of a model for segmentation (batch, height, width, classes).

    Raises:
      Failure: no such model, one that does not take such a parameter, or one that the device's
        memory does not hold.
    """
    given = dict(parameters)
    name = given.pop("name", None)
    module = _module(name)
    network = module.network
    allowed = [
        p.name for p in inspect.signature(network).parameters.values() if p.kind == p.KEYWORD_ONLY
    ]
    unknown = sorted(set(given) - set(allowed))
    if unknown:
        raise Failure(
            f'The model "{name}" has no parameter "{unknown[0]}". '
            f"Take one of these: {', '.join(allowed) or 'it has none'}."
        )
    if given.get("weights"):
        # Weights that are given know pixels as they were in their own training.
        mean, std = module.PRETRAINED_PIXELS
        pixel_mean, pixel_std = [mean] * image_shape[-1], [std] * image_shape[-1]
    images = keras.Input(image_shape, dtype="uint8", name="image")
    # Floats only from here on: what comes over the bus are bytes. A channel of one single
    # value has no spread to divide by. bfloat16 would round a mean of 130.6 to 131.
    pixels = keras.layers.Normalization(
        mean=pixel_mean,
        variance=[max(std, 1.0) ** 2 for std in pixel_std],
        dtype="float32",
        name="normalisation",
    )(images)
    try:
        logits = network(pixels, classes, **given)
    except (TypeError, ValueError) as error:
        reason = str(error).splitlines()[0].rstrip(".") + "."
        raise Failure(
            f'The model "{name}" cannot be built for images of {image_shape} with {given}: '
            f"{reason} Change the model's parameters or the image's size."
        ) from error
    except tf.errors.ResourceExhaustedError as error:
        raise Failure(
            f'Trainer: the device\'s memory does not hold the model "{name}" with {given} '
            f"({graph_error.cause(error, 'out of memory')}). Take a smaller model or image."
        ) from error
    return keras.Model(images, logits, name=name)


def _module(name: str | None):
    if name not in MODEL_NAMES:
        raise Failure(f'There is no model "{name}". Take one of these: {", ".join(MODEL_NAMES)}.')
    return importlib.import_module(f"components.trainer.models.{name}")
