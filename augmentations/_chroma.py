"""Colours as luma and two axes of chroma."""

from augmentations import LUMA

# Luma and the two chroma axes of NTSC's YIQ for red, green and blue (FCC 73.682).
_YIQ = (LUMA, (0.5959, -0.2746, -0.3213), (0.2115, -0.5227, 0.3112))


def matrix(scale, angle):
    """Chroma times `scale`, turned by `angle` radians, (batch,) each: (batch, 3, 3) of RGB."""
    import numpy as np
    import tensorflow as tf

    yiq = np.array(_YIQ, np.float32)
    sine, cosine = scale * tf.sin(angle), scale * tf.cos(angle)
    one, zero = tf.ones_like(sine), tf.zeros_like(sine)
    turn = tf.stack([one, zero, zero, zero, cosine, -sine, zero, sine, cosine], axis=-1)
    return np.linalg.inv(yiq) @ tf.reshape(turn, [-1, 3, 3]) @ yiq
