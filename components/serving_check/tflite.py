"""TFLite files of a model: made of its SavedModel, and compared with what that serves.

They are of the network alone, from pixels to probabilities: TFLite has no operation that decodes
JPEG or PNG. What calls them decodes and resizes as Transform does.
"""

import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from tensorflow.lite.python.convert_phase import ConverterError

from components.graph_error import first_line
from components.model_store.model_files import model_files
from components.serving_check.requests import CLASSIFY, TRANSFORM
from components.split_messages import split_folder
from failures import Failure
from files import places, writing
from settings.serving import Serving

FOLDER = "tflite"  # beside the SavedModel


class Converted(NamedTuple):
    """One file."""

    content: bytes
    difference: float  # the largest of a probability from the SavedModel's


def convert(
    path: str, serving: Serving, protocols: Mapping, training_pixels: Sequence[bytes]
) -> tuple[dict[str, Converted], list[str]]:
    """The files that `serving.tflite` names, by that name, and what is wrong with them.

    Args:
      path: of the SavedModel.
      protocols: what it answered, as `served.serve` reports it.
      training_pixels: raw uint8 of transformed images, by which int8 chooses its ranges.
    """
    model = tf.saved_model.load(path)
    if not hasattr(model, "network"):
        return {}, ["the SavedModel has no function `network` of pixels to make TFLite files of"]
    shape = model.network.concrete_functions[0].inputs[0].shape[1:]
    pixels, served = _compared_with(protocols, shape)
    training = [np.frombuffer(one, np.uint8).reshape(1, *shape) for one in training_pixels]
    made, causes = {}, []
    for name in serving.tflite:
        try:
            content = _converted(model, shape, name, training)
        except ConverterError as error:
            causes.append(f"the model cannot be made TFLite {name}: {first_line(error)}")
            continue
        difference = float(np.abs(_answers(content, pixels) - served).max())
        made[name] = Converted(content, difference)
        if not difference <= serving.tflite_tolerance:
            causes.append(
                f"TFLite {name} is off by up to {difference:.2g}, above tflite_tolerance "
                f"{serving.tflite_tolerance:g}"
            )
    return made, causes


def training_pixels(examples, count: int) -> list[bytes]:
    """The transformed pixels of `count` images of the split "train", of all shards in turn."""
    if examples is None:
        raise Failure("ServingCheck: serving.tflite int8 needs transformed_examples. Connect them.")
    files = places.files_in(split_folder(examples, "train", "ServingCheck"))
    shards = tf.data.Dataset.from_tensor_slices(files)
    records = shards.interleave(tf.data.TFRecordDataset, cycle_length=max(1, len(files)))
    spec = {"image": tf.io.FixedLenFeature([], tf.string)}
    parsed = (tf.io.parse_single_example(record, spec) for record in records.take(count))
    return [one["image"].numpy() for one in parsed]


def _converted(model, shape: tf.TensorShape, name: str, training: Sequence[np.ndarray]) -> bytes:
    @tf.function(
        input_signature=[tf.TensorSpec([1, *shape], tf.uint8, name="pixels")], autograph=False
    )
    def network(pixels):
        return {"probabilities": model.network(pixels)}

    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [network.get_concrete_function()], model
    )
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if name == "float16":
        converter.target_spec.supported_types = [tf.float16]
    else:
        converter.representative_dataset = lambda: ([image] for image in training)
    return converter.convert()


def _compared_with(protocols: Mapping, shape) -> tuple[np.ndarray, np.ndarray]:
    """Pixels (images, height, width, channels), and the probabilities that were served of them."""
    [answers] = [said["answers"] for said in protocols.values() if TRANSFORM in said["answers"]]
    images = answers[TRANSFORM]["all"]["image"].ravel()
    pixels = np.stack([np.frombuffer(image, np.uint8).reshape(shape) for image in images])
    return pixels, answers[CLASSIFY[0]]["all"]["probabilities"]


def _answers(content: bytes, pixels: np.ndarray) -> np.ndarray:
    with warnings.catch_warnings():
        # TensorFlow announces that it will leave to another package what it still ships.
        warnings.simplefilter("ignore", UserWarning)
        interpreter = tf.lite.Interpreter(model_content=content)
    interpreter.allocate_tensors()
    [given], [answered] = interpreter.get_input_details(), interpreter.get_output_details()

    def each() -> Iterator[np.ndarray]:
        for image in pixels:
            interpreter.set_tensor(given["index"], image[np.newaxis])
            interpreter.invoke()
            yield interpreter.get_tensor(answered["index"])

    return np.concatenate(list(each()))


def figures(converted: Mapping[str, Converted], path: str) -> dict[str, dict]:
    """{name: {"bytes", "saved_model_bytes", "difference"}}, with the size of the one at `path`."""
    whole = sum(places.size(os.path.join(path, file)) for file in model_files(path))
    return {
        name: {"bytes": len(content), "saved_model_bytes": whole, "difference": difference}
        for name, (content, difference) in converted.items()
    }


def write(converted: Mapping[str, Converted], folder: str) -> None:
    """Writes the files to `folder` as they are to stand beside the SavedModel."""
    for name, made in converted.items():
        writing.write(os.path.join(folder, FOLDER, f"{name}.tflite"), made.content)
