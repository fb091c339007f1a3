"""Numbers that look drawn at random, the same on every device, with XLA and without.

TensorFlow's own differ with XLA. Without it, they wait for a GPU, as their seed has to be on the
host.
"""

import hashlib

import tensorflow as tf

# Steele, Lea and Flood (2014, doi:10.1145/2660193.2660195): SplitMix64.
_GAMMA, _FIRST, _SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
_MOST_PICTURES = 1 << 20  # of a step


def stream(seed: int, name: str) -> int:
    """The seed of what is drawn by that name: no other name's numbers depend on it."""
    return seed ^ int.from_bytes(hashlib.sha256(name.encode()).digest()[:7])


def of_pictures(seed: int, step: tf.Tensor, first: tf.Tensor, size: tf.Tensor, each: int):
    """(size, each) float32, 0 or more and below 1.

    Args:
      step: () integer.
      first: () integer, the number of the first picture of `size` in the step's batch.
      each: how many numbers a picture gets.
    """
    picture = tf.cast(step, tf.int64) * _MOST_PICTURES + tf.cast(first, tf.int64)
    numbers = picture * each + tf.range(tf.cast(size, tf.int64) * each)
    return tf.reshape(_uniform(seed, numbers), (size, each))


def _uniform(seed: int, numbers: tf.Tensor) -> tf.Tensor:
    bits = tf.cast(numbers, tf.uint64) * tf.constant(_GAMMA, tf.uint64)
    bits += tf.constant(seed % 2**64, tf.uint64)
    for shift, factor in ((30, _FIRST), (27, _SECOND), (31, 1)):
        shifted = tf.bitwise.right_shift(bits, tf.constant(shift, tf.uint64))
        bits = tf.bitwise.bitwise_xor(bits, shifted) * tf.constant(factor, tf.uint64)
    # float32 holds 24 bits.
    return tf.cast(tf.bitwise.right_shift(bits, tf.constant(40, tf.uint64)), tf.float32) / 2**24
