"""Writes what the model answers in training, for the check of how it serves.

Images are named by the SHA-256 of their transformed pixels: a serving graph that transforms
differently has other names, so none of its answers is found.
"""

import base64
import hashlib
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from files import writing
from files.strict_json import text_of

FILE = "expected_answers.json"
IMAGES = 16
MASKED_IMAGES = 4  # an answer of segmentation is thousands of numbers


def write(file: str, model, image_shape, labels: Sequence[str], shards: Sequence[str]) -> None:
    """Writes the answers to the first records of the first of `shards` of transformed Examples.

    They are IMAGES, or MASKED_IMAGES where the model tells the class of each pixel.
    """
    spec = {"image": tf.io.FixedLenFeature([], tf.string)}
    per_image = model.output_shape[1:]
    count = IMAGES if len(per_image) == 1 else MASKED_IMAGES
    records = tf.data.TFRecordDataset(list(shards)[:1]).take(count)
    pixels = [tf.io.parse_single_example(record, spec)["image"].numpy() for record in records]
    if not pixels:
        probabilities = np.zeros((0, *per_image))
    else:
        images = np.stack([np.frombuffer(p, np.uint8).reshape(image_shape) for p in pixels])
        # Servers answer on the CPU; an accelerator's sums are shorter, and off by more than 1e-5.
        with tf.device("/CPU:0"):
            probabilities = tf.nn.softmax(model(images, training=False)).numpy()
    write_answers(file, labels, pixels, probabilities)


def write_answers(file: str, labels: Sequence[str], pixels: Sequence[bytes], probabilities) -> None:
    """Writes answers as JSON: the task, the labels, and an answer for each image.

    Args:
      pixels: (images,) raw transformed pixels.
      probabilities: 0..1. Classification: (images, classes), written as numbers.
        Segmentation: (images, height, width, classes), written as the base64 text of
        their little-endian float32 bytes.
    """
    segmentation = np.ndim(probabilities) == 4
    answers = {
        hashlib.sha256(image).hexdigest(): _as_base64(answer)
        if segmentation
        else list(map(float, answer))
        for image, answer in zip(pixels, probabilities, strict=True)
    }
    task = "segmentation" if segmentation else "classification"
    content = {"task": task, "labels": list(labels), "answers": answers}
    writing.write(file, text_of(content))


def _as_base64(answer) -> str:
    return base64.b64encode(np.asarray(answer, "<f4").tobytes()).decode()
