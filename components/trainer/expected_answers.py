"""What the model answers in training, kept beside it for whoever checks how it serves.

Images are named by the SHA-256 of their transformed pixels: a serving graph that
transforms in another way has other names, and its answers are found nowhere.
"""

import hashlib
import json
from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from tfx.dsl.io import fileio

FILE = "expected_answers.json"
IMAGES = 16


def write(file: str, model, image_shape, labels: Sequence[str], shards: Sequence[str]) -> None:
    """Writes the answers to the first IMAGES records of the first shard that has any.

    Args:
      file: where to.
      model: Keras; (batch, height, width, channels) uint8 to logits.
      image_shape: (height, width, channels).
      labels: (classes,) the name of each class.
      shards: TFRecords of transformed Examples.
    """
    spec = {"image": tf.io.FixedLenFeature([], tf.string)}
    records = tf.data.TFRecordDataset(list(shards)[:1]).take(IMAGES)
    pixels = [tf.io.parse_single_example(record, spec)["image"].numpy() for record in records]
    if not pixels:
        probabilities = np.zeros((0, len(labels)))
    else:
        images = np.stack([np.frombuffer(p, np.uint8).reshape(image_shape) for p in pixels])
        probabilities = tf.nn.softmax(model(images, training=False)).numpy()
    write_answers(file, labels, pixels, probabilities)


def write_answers(file: str, labels: Sequence[str], pixels: Sequence[bytes], probabilities) -> None:
    """Writes answers; `probabilities` are (images, classes) float in 0..1."""
    answers = {
        hashlib.sha256(image).hexdigest(): [float(value) for value in row]
        for image, row in zip(pixels, probabilities, strict=True)
    }
    with fileio.open(file, "w") as out:
        out.write(json.dumps({"labels": list(labels), "answers": answers}))
