"""A model in other formats: made of its SavedModel, and compared with what that serves.

They hold the network alone, from pixels to probabilities: none of them decodes JPEG or PNG. What
calls them decodes and resizes as Transform does.

A kind of format is one file, `export_<kind>.py`: `made` makes the content of a file, `answers` has
it answer, and `ERRORS` are raised for a model that it cannot hold.
"""

import importlib
import os
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from components.graph_error import first_line
from components.model_store.layout import EXPORTS
from components.model_store.model_files import model_files
from components.serving_check.requests import CLASSIFY, TRANSFORM
from components.split_messages import split_folder
from failures import Failure
from files import places, writing
from settings.serving import Serving

_FILES = {
    "tflite_float16": "float16.tflite",
    "tflite_int8": "int8.tflite",
    "onnx": "model.onnx",
}


class Export(NamedTuple):
    """One file."""

    content: bytes
    difference: float  # the largest of a probability from the SavedModel's


def export(
    path: str, serving: Serving, protocols: Mapping, training_pixels: Sequence[bytes]
) -> tuple[dict[str, Export], list[str]]:
    """The files of the formats in `serving.export`, by format, and what is wrong with them.

    Args:
      path: of the SavedModel.
      protocols: what it answered, as `served.serve` reports it.
      training_pixels: raw uint8 of transformed images, by which int8 chooses its ranges.
    """
    model = tf.saved_model.load(path)
    if not hasattr(model, "network"):
        return {}, ["the SavedModel has no function `network` of pixels to export"]
    shape = model.network.inputs[0].shape[1:]
    pixels, served = _compared_with(protocols, shape)
    training = [np.frombuffer(one, np.uint8).reshape(1, *shape) for one in training_pixels]
    made, causes = {}, []
    for name in serving.export:
        kind = _format(name)
        try:
            content = kind.made(model, tuple(shape), name, training)
            difference = float(np.abs(kind.answers(content, pixels) - served).max())
        except kind.ERRORS as error:
            causes.append(f"the model cannot be made {name}: {first_line(error)}")
            continue
        made[name] = Export(content, difference)
        if not difference <= serving.export_tolerance:
            causes.append(
                f"{name} is off by up to {difference:.2g}, above export_tolerance "
                f"{serving.export_tolerance:g}"
            )
    return made, causes


def training_pixels(examples, count: int) -> list[bytes]:
    """The transformed pixels of `count` images of the split "train", of all shards in turn."""
    if examples is None:
        raise Failure(
            "ServingCheck: serving.export tflite_int8 needs transformed_examples. Connect them."
        )
    files = places.files_in(split_folder(examples, "train", "ServingCheck"))
    shards = tf.data.Dataset.from_tensor_slices(files)
    records = shards.interleave(tf.data.TFRecordDataset, cycle_length=max(1, len(files)))
    spec = {"image": tf.io.FixedLenFeature([], tf.string)}
    parsed = (tf.io.parse_single_example(record, spec) for record in records.take(count))
    return [one["image"].numpy() for one in parsed]


def figures(exports: Mapping[str, Export], path: str) -> dict[str, dict]:
    """{format: {"bytes", "saved_model_bytes", "difference"}}, beside the SavedModel at `path`."""
    whole = sum(places.size(os.path.join(path, file)) for file in model_files(path))
    return {
        name: {"bytes": len(content), "saved_model_bytes": whole, "difference": difference}
        for name, (content, difference) in exports.items()
    }


def write(exports: Mapping[str, Export], folder: str) -> None:
    """Writes the files to `folder` as they are to stand beside the SavedModel."""
    for name, made in exports.items():
        writing.write(os.path.join(folder, EXPORTS, _FILES[name]), made.content)


def _format(name: str) -> ModuleType:
    """The module that makes files of a format and has them answer; their imports take seconds."""
    kind = name.partition("_")[0]
    try:
        return importlib.import_module(f"components.serving_check.export_{kind}")
    except ModuleNotFoundError as error:
        raise Failure(
            f"ServingCheck: serving.export {name} needs the package {error.name}, which is not "
            "installed. Add it to the image (docs/run.md), or leave the format out."
        ) from None


def _compared_with(protocols: Mapping, shape) -> tuple[np.ndarray, np.ndarray]:
    """Pixels (images, height, width, channels), and the probabilities that were served of them."""
    [answers] = [said["answers"] for said in protocols.values() if TRANSFORM in said["answers"]]
    images = answers[TRANSFORM]["all"]["image"].ravel()
    pixels = np.stack([np.frombuffer(image, np.uint8).reshape(shape) for image in images])
    return pixels, answers[CLASSIFY[0]]["all"]["probabilities"]
