"""The classes whose probability reaches their threshold, and the probabilities of all."""

import tensorflow as tf

TABLE = True
probabilities = tf.sigmoid


def answer(
    probabilities: tf.Tensor, names: tf.Tensor, thresholds: tf.Tensor
) -> dict[str, tf.Tensor]:
    """`predicted`, (batch, classes) uint8, is 1 for the classes of an image, and `labels`, (batch,
    classes) string, has their names, the most probable first, and then empty texts."""
    predicted = probabilities >= thresholds
    ranked = tf.argsort(tf.where(predicted, probabilities, -1.0), direction="DESCENDING")
    is_said = tf.gather(predicted, ranked, batch_dims=1)
    return {
        "labels": tf.where(is_said, tf.gather(names, ranked), ""),
        "predicted": tf.cast(predicted, tf.uint8),
        "probabilities": probabilities,
    }
