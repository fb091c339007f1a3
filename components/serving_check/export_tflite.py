"""TFLite files, for phones and small devices: float16 weights, or int8 throughout."""

import warnings
from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf
from tensorflow.lite.python.convert_phase import ConverterError

ERRORS = (ConverterError,)


def made(model, shape: tuple[int, ...], name: str, training: Sequence[np.ndarray]) -> bytes:
    """The file: `pixels` uint8 (1, height, width, channels) to `probabilities` float32.

    Args:
      model: a loaded SavedModel with the function `network`.
      shape: (height, width, channels).
      training: images (1, height, width, channels) uint8, by which int8 chooses its ranges.
    """

    @tf.function(
        input_signature=[tf.TensorSpec([1, *shape], tf.uint8, name="pixels")], autograph=False
    )
    def network(pixels):
        return {"probabilities": model.network(pixels)}

    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [network.get_concrete_function()], model
    )
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if name == "tflite_float16":
        converter.target_spec.supported_types = [tf.float16]
    else:
        converter.representative_dataset = lambda: ([image] for image in training)
    return converter.convert()


def answers(content: bytes, pixels: np.ndarray) -> np.ndarray:
    """Probabilities (images, …, classes) of pixels (images, height, width, channels) uint8."""
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
