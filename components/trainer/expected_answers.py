"""Writes what the model answers in training, for the check of how it serves.

Images are named by the SHA-256 of their transformed pixels: a serving graph that transforms
differently has other names, so none of its answers is found.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from components.images_at_once import fitting
from components.tasks.answers import answers_of
from components.tasks.signature import signature_of
from files import writing
from files.strict_json import text_of

FILE = "expected_answers.json"


def write(
    file: str,
    model,
    image_shape,
    labels: Sequence[str],
    task: str,
    shards: Sequence[str],
    chosen: np.ndarray | None = None,
    split: str = "test",
) -> None:
    """Writes the answers to the first records of a split's transformed `shards`, in their order.

    Of large images there are fewer, as they are answered together here and in the serving check.
    """
    spec = {"image": tf.io.FixedLenFeature([], tf.string)}
    per_image = model.output_shape[1:]
    most = max(2, fitting(task, image_shape, per_image))
    records = tf.data.TFRecordDataset(list(shards)).take(min(answers_of(task).EXPECTED, most))
    pixels = [tf.io.parse_single_example(record, spec)["image"].numpy() for record in records]
    if not pixels:
        probabilities = np.zeros((0, *per_image))
    else:
        images = np.stack([np.frombuffer(p, np.uint8).reshape(image_shape) for p in pixels])
        # Servers answer on the CPU; an accelerator's sums are shorter, and off by more than 1e-5.
        with tf.device("/CPU:0"):
            logits = model(images, training=False)
            probabilities = signature_of(task).probabilities(logits).numpy()
    write_answers(file, labels, pixels, probabilities, task, chosen, split)


def write_answers(
    file: str,
    labels: Sequence[str],
    pixels: Sequence[bytes],
    probabilities,
    task: str = "classification",
    chosen: np.ndarray | None = None,
    split: str = "test",
) -> None:
    """Writes answers as JSON: the task, the split, the labels, and an answer for each image.

    Args:
      pixels: (images,) raw transformed pixels.
      probabilities: (images, …, classes), 0..1.
      chosen: (classes,) thresholds, for a task that has them.
      split: of the Examples, which the images are from.
    """
    as_json = answers_of(task).as_json
    answers = {
        hashlib.sha256(image).hexdigest(): as_json(answer)
        for image, answer in zip(pixels, probabilities, strict=True)
    }
    content = {"task": task, "split": split, "labels": list(labels), "answers": answers}
    if chosen is not None:
        content["thresholds"] = chosen.tolist()
    writing.write(file, text_of(content))
