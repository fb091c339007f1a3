"""What a user of TFX's own Transform would write for MNIST: benchmarks/against_stock.py."""

import tensorflow as tf
import tensorflow_transform as tft

SIDE = 28


def preprocessing_fn(inputs):
    """Decodes to float images in 0..1 and maps labels to their vocabulary's ids."""
    encoded = tf.reshape(inputs["image"], [-1])  # (batch,) string
    images = tf.map_fn(_decode, encoded, fn_output_signature=tf.float32)
    label = tft.compute_and_apply_vocabulary(
        tf.strings.as_string(tf.reshape(inputs["label"], [-1])), num_oov_buckets=1
    )
    return {"image": images, "label": label}


def _decode(encoded):
    image = tf.io.decode_png(encoded, channels=1)
    return tf.reshape(tf.cast(image, tf.float32) / 255, [SIDE, SIDE, 1])
