"""The probability from which on an image has a class, chosen by F1 on the validation split."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from components.trainer import training_faults

DEFAULT = 0.5  # of a class that no validation example has, and without a validation split
_MOST_AT_ONCE = 256  # images


def choose(
    model, image_shape: tuple[int, int, int], classes: int, files: Sequence[str], at_once: int
) -> np.ndarray:
    """(classes,) float32, of a trained model and the validation's transformed Examples.

    Memory holds five bytes for each example and class.

    Args:
      at_once: how many images fit into the device's memory together.

    Raises:
      Failure: they do not.
    """
    if not files:
        return np.full(classes, DEFAULT, np.float32)
    scores, truth, at_once = [], [], min(at_once, _MOST_AT_ONCE)
    spec = dict.fromkeys(("image", "labels"), tf.io.FixedLenFeature([], tf.string))

    def read(records: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        parsed = tf.io.parse_example(records, spec)
        images = tf.reshape(tf.io.decode_raw(parsed["image"], tf.uint8), (-1, *image_shape))
        return images, tf.io.decode_raw(parsed["labels"], tf.uint8) > 0

    # Compiled: operation by operation, a model takes several times as long.
    images_spec = tf.TensorSpec((None, *image_shape), tf.uint8)
    forward = tf.function(
        lambda images: tf.sigmoid(model(images, training=False)),
        input_signature=[images_spec],
        autograph=False,
    )
    batches = tf.data.TFRecordDataset(list(files)).batch(at_once).map(read).prefetch(1)
    for images, labels in batches:
        with training_faults.step_reported(at_once):
            scores.append(forward(images).numpy())
        truth.append(labels.numpy())
    # Class by class: all of them together would take the memory once more.
    return np.array(
        [
            best(*(np.concatenate([one[:, number] for one in parts]) for parts in (scores, truth)))
            for number in range(classes)
        ],
        np.float32,
    )


def best(scores: np.ndarray, truth: np.ndarray) -> np.float32:
    """The threshold of the highest F1, in the middle between two probabilities.

    Of several, it is the highest one. Without an image of the class, or a number as the answer to
    one, it is `DEFAULT`.

    Args:
      scores: (images,) float32, probabilities of one class; nan reaches no threshold.
      truth: (images,) bool, whether an image has it.
    """
    having, is_number = np.count_nonzero(truth), ~np.isnan(scores)
    scores, truth = scores[is_number], truth[is_number]
    if not truth.any():
        return np.float32(DEFAULT)
    order = np.argsort(-scores, kind="stable")
    scores, right = scores[order], np.cumsum(truth[order])
    last = np.flatnonzero(np.append(scores[1:] != scores[:-1], True))  # of each probability
    f1 = 2 * right[last] / (last + 1 + having)
    here = last[np.argmax(f1)]
    above, below = scores[here], scores[here + 1] if here + 1 < len(scores) else np.float32(0)
    middle = np.float32((above + below) / 2)
    return middle if middle > below else above
