"""Mixup and cutmix: every training picture takes in a part of another one, and of its label.

Pictures next to each other in a process's share of the shuffled batch are mixed with each other.
What is drawn follows from (seed, step) alone, so a resumed training, XLA and several devices of one
process mix alike; each of several workers has other neighbours.
"""

import numpy as np
import tensorflow as tf
from scipy import stats

from components.trainer import draws
from components.trainer.losses import Answers, class_ids
from settings.training import Training

_QUANTILES = 4096
_DRAWS = 4  # of each picture


class Mixer:
    """Mixes the pictures of training batches.

    Mixup (Zhang and others, 2018, arXiv:1710.09412) adds pictures, the larger share of its own to
    each. Cutmix (Yun and others, 2019, arXiv:1905.04899) replaces a rectangle. With both, half of
    the pictures are mixed in each way.
    """

    def __init__(self, training: Training, seed: int):
        self._mixup, self._cutmix = training.mixup, training.cutmix
        self._stream = draws.stream(seed, "mixing")

    def draws(self, size: tf.Tensor, step: tf.Tensor, device: tf.Tensor) -> tf.Tensor:
        """(size, 4) float32 in 0..1, for a device's part of the batch.

        Args:
          size: () integer, of the part.
          step: () int64, the same on all devices.
          device: () integer, this one's number.
        """
        return draws.of_pictures(self._stream, step, device * size, size, _DRAWS)

    def __call__(self, images, targets, weights, draws) -> tuple[tf.Tensor, Answers]:
        """The mixed pictures, and what they are judged by: a picture of two labels by both.

        Args:
          images: (batch, height, width, channels) uint8.
          targets: labels (batch,) or (batch, classes) uint8, or masks (batch, height, width, 1)
            uint8, which are cut alike.
          weights: (batch,) float32, of the examples; None: all 1.
          draws: of `draws`.
        """
        size = tf.shape(images)[0]
        # The last image of an odd batch has no neighbour and stays as it is.
        partners = tf.minimum(tf.bitwise.bitwise_xor(tf.range(size), 1), size - 1)
        others = tf.gather(images, partners)
        weights = tf.ones([size]) if weights is None else weights
        of_others = tf.gather(weights, partners)
        if targets.shape.rank == 4:
            images, inside = self._cut(images, others, draws)
            masks = tf.where(inside[..., None], tf.gather(targets, partners), targets)
            weights = tf.where(inside, of_others[:, None, None], weights[:, None, None])
            return images, [(class_ids(masks), weights)]
        images, share = self._mixed(images, others, draws)
        own = (targets, share * weights)
        return images, [own, (tf.gather(targets, partners), (1 - share) * of_others)]

    def _mixed(self, images, others, draws) -> tuple[tf.Tensor, tf.Tensor]:
        """The images, and (batch,) float32, how much of each is left."""
        if not self._cutmix:
            return self._added(images, others, draws)
        cut, inside = self._cut(images, others, draws)
        left = 1 - tf.reduce_mean(tf.cast(inside, tf.float32), axis=[1, 2])
        if not self._mixup:
            return cut, left
        added, share = self._added(images, others, draws)
        is_cut = draws[:, 0] < 0.5
        images = tf.where(is_cut[:, None, None, None], cut, added)
        return images, tf.where(is_cut, left, share)

    def _added(self, images, others, draws) -> tuple[tf.Tensor, tf.Tensor]:
        share = beta(self._mixup, draws[:, 1])
        share = tf.maximum(share, 1 - share)
        part = share[:, None, None, None]
        mixed = part * tf.cast(images, tf.float32) + (1 - part) * tf.cast(others, tf.float32)
        return tf.saturate_cast(tf.round(mixed), tf.uint8), share

    def _cut(self, images, others, draws) -> tuple[tf.Tensor, tf.Tensor]:
        """The images, and (batch, height, width) bool, where they are of the others."""
        side = tf.sqrt(1 - beta(self._cutmix, draws[:, 1]))
        within = []
        for axis, length in enumerate(images.shape[1:3]):
            half = tf.floor(side * length) // 2
            centre = tf.floor(draws[:, 2 + axis] * length)
            pixels = tf.range(length, dtype=tf.float32)[None]
            first, end = (centre - half)[:, None], (centre + half)[:, None]
            within.append((pixels >= first) & (pixels < end))
        rows, columns = within
        inside = rows[:, :, None] & columns[:, None, :]
        return tf.where(inside[..., None], others, images), inside


def beta(alpha: float, uniform: tf.Tensor) -> tf.Tensor:
    """Of uniform numbers in 0..1, numbers of the distribution Beta(alpha, alpha); float32.

    By a table of its quantiles: XLA has no random numbers of this kind.
    """
    quantiles = stats.beta.ppf(np.linspace(0, 1, _QUANTILES + 1), alpha, alpha)
    table = tf.constant(quantiles, tf.float32)
    place = uniform * _QUANTILES
    low = tf.minimum(tf.cast(place, tf.int32), _QUANTILES - 1)
    begin, end = tf.gather(table, low), tf.gather(table, low + 1)
    return begin + (place - tf.cast(low, tf.float32)) * (end - begin)
