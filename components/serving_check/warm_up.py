"""Requests that TensorFlow Serving answers for itself while it loads a model, before any user's.

Source: TensorFlow Serving, "SavedModel Warmup": a TFRecord file of PredictionLog.
"""

import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from components.model_store.layout import WARM_UP
from components.serving_check.requests import CLASSIFY, Requests
from files import tfrecords, writing

# What each signature's requests are called, as `components/trainer/saved_model.py` names them.
_BY_IMAGE = {CLASSIFY[0]: "image"}


def write(folder: str, requests: Requests) -> None:
    """Writes one request for each signature, of the first of the texts that it was asked.

    Args:
      folder: of what is pushed beside the model.
    """
    records = [
        _request(signature, texts[0]).SerializeToString()
        for signature, texts in requests.texts.items()
    ]
    content = b"".join(map(tfrecords.frame, records))
    writing.write(f"{folder}/{WARM_UP}", content)


def _request(signature: str, text: bytes) -> prediction_log_pb2.PredictionLog:
    log = prediction_log_pb2.PredictionLog()
    request = log.predict_log.request
    request.model_spec.name = "default"  # The server asks the model that it loads, of any name.
    request.model_spec.signature_name = signature
    fed = _BY_IMAGE.get(signature, "examples")
    request.inputs[fed].CopyFrom(tf.make_tensor_proto([text], tf.string, [1]))
    return log
