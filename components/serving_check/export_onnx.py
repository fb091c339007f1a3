"""ONNX files, for other frameworks' runtimes."""

import numpy as np
import onnxruntime
import tensorflow as tf
import tf2onnx
from onnxruntime.capi import onnxruntime_pybind11_state as runtime_errors
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

ERRORS = (
    ValueError,  # of tf2onnx, for an operation that ONNX lacks
    runtime_errors.Fail,
    runtime_errors.InvalidGraph,
    runtime_errors.NotImplemented,
)
_OPSET = 18


def made(model, shape: tuple[int, ...], name: str, training) -> bytes:
    """The file: `pixels` uint8 (batch, height, width, channels) to `probabilities` float32.

    Args:
      model: a loaded SavedModel with the function `network`.
      shape: (height, width, channels).
    """
    spec = [tf.TensorSpec([None, *shape], tf.uint8, name="pixels")]
    traced = tf.function(model.network, input_signature=spec).get_concrete_function()
    # tf2onnx would make inputs of the constants that a restored function captures.
    frozen = convert_variables_to_constants_v2(traced)

    @tf.function(input_signature=spec, autograph=False)
    def network(pixels):
        return {"probabilities": frozen(pixels)[0]}

    made, _ = tf2onnx.convert.from_function(network, input_signature=spec, opset=_OPSET)
    return made.SerializeToString()


def answers(content: bytes, pixels: np.ndarray) -> np.ndarray:
    """Probabilities (images, …, classes) of pixels (images, height, width, channels) uint8."""
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    [probabilities] = session.run(None, {"pixels": pixels})
    return probabilities
