"""Random changes of the training images, on the accelerator and inside the compiled step.

Every change of a picture is drawn from (seed, step) and from nothing else, so a training that
was killed and resumed sees the very pictures that an undisturbed one sees. (XLA draws other
numbers from them than TensorFlow without it, the same ones every time.)
"""

import math
from collections.abc import Mapping

import keras
import numpy as np
import tensorflow as tf

from components.trainer.training_parameters import AugmentationParameters, made_of
from failures import Failure

NO_CLASS = 255  # in masks: a pixel that counts nowhere

# Rows: luma and the two chroma axes of NTSC's YIQ for red, green and blue (FCC 73.682).
_YIQ = np.array(
    [[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]], np.float32
)
# One column of random numbers for each, whether it is used or not: what is switched on or off
# changes nothing in the others.
_DRAWN = (
    "horizontal", "vertical", "kept", "x", "y", "angle", "brightness", "contrast",
    "saturation", "hue", "cut_x", "cut_y",
)  # fmt: skip


def build_augmentation(parameters: Mapping, seed: int) -> "Augmentation | None":
    """The augmentation that `parameters` describe, or None if all of it is off.

    Args:
      parameters: fields of `AugmentationParameters`; those left out are off.
      seed: of all that is random in it.

    Raises:
      Failure: an unknown key, or a value out of range.
    """
    made = made_of(AugmentationParameters, parameters)
    return None if made == AugmentationParameters() else Augmentation(made, seed)


class Augmentation(keras.layers.Layer):
    """Flips, crops, rotates, recolours and blanks a part, each picture of a batch in its own way.

    It is for training alone: evaluation and serving never call it. All geometry is one single
    resampling and all colour is one affine transform, then one rounding.

    Args:
      parameters: how far each change may go.
      seed: of all that is random.
    """

    # Gathers and arithmetic alone: XLA has no ImageProjectiveTransform.
    jit_compatible = True

    def __init__(self, parameters: AugmentationParameters, seed: int):
        super().__init__(name="augmentation", trainable=False, autocast=False)
        self.parameters = parameters
        self.seed = seed
        self.built = True

    def __call__(self, images, masks, step):
        # Here and not in `call`: Keras makes many lines of an error that is raised in there.
        p = self.parameters
        if (p.saturation or p.hue) and images.shape[-1] != 3:
            raise Failure(
                f"Augmentation: images of {images.shape[-1]} channel have no colour to change. "
                "Set augmentation.saturation and augmentation.hue to 0."
            )
        return super().__call__(images, masks, step)

    def call(self, images, masks, step):
        """The changed pictures, and their masks changed in the same way.

        Args:
          images: (batch, height, width, channels) uint8; height and width are static.
          masks: (batch, height, width, 1) uint8 class ids, or None.
          step: () int64, another one for every step and device.

        Returns:
          Images and masks of the same shapes and dtypes. Pixels that come from outside the
          picture, or are cut out, are 0 in images and `NO_CLASS` in masks.

        Raises:
          Failure: saturation or hue for images that have no colour.
        """
        p = self.parameters
        drawn = self._draw(tf.shape(images)[0], step)
        visible = None
        recoloured = self._recolouring(images, drawn)
        if p.crop or p.rotate:
            x, y = self._sources(drawn, images.shape[1:3])
            visible = _inside(x, images.shape[2]) & _inside(y, images.shape[1])
            images = _bilinear(images, x, y)  # float32
            masks = None if masks is None else _nearest(masks, x, y)
        elif p.flip != "none":
            images = self._flipped(images, drawn)
            masks = None if masks is None else self._flipped(masks, drawn)
        images = recoloured(images)
        if images.dtype != tf.uint8:
            images = tf.saturate_cast(tf.round(images), tf.uint8)
        if p.cutout:
            uncut = ~self._cut(drawn, images.shape[1:3])
            visible = uncut if visible is None else visible & uncut
        if visible is not None:
            # Last of all: what is blanked is black, whatever the colours became.
            images = tf.where(visible[..., None], images, tf.zeros_like(images))
            if masks is not None:
                masks = tf.where(visible[..., None], masks, tf.fill(tf.shape(masks), _no_class()))
        return images, masks

    def _draw(self, batch, step) -> dict[str, tf.Tensor]:
        """Of every picture a number in 0..1 for each of `_DRAWN`, (batch,) float32."""
        seeds = tf.stack([tf.constant(self.seed, tf.int64), tf.cast(step, tf.int64)])
        # Philox by name: left to itself, TensorFlow takes another algorithm on another device.
        uniform = tf.random.stateless_uniform([batch, len(_DRAWN)], seeds, alg="philox")
        return dict(zip(_DRAWN, tf.unstack(uniform, axis=1), strict=True))

    def _flips(self, drawn) -> tuple[tf.Tensor | None, tf.Tensor | None]:
        """Which pictures are flipped left to right and upside down, (batch,) bool each."""
        flip = self.parameters.flip
        horizontal = drawn["horizontal"] < 0.5 if flip in ("horizontal", "both") else None
        vertical = drawn["vertical"] < 0.5 if flip in ("vertical", "both") else None
        return horizontal, vertical

    def _flipped(self, pictures, drawn):
        for chosen, axis in zip(self._flips(drawn), (2, 1), strict=True):
            if chosen is not None:
                turned = tf.reverse(pictures, [axis])
                pictures = tf.where(chosen[:, None, None, None], turned, pictures)
        return pictures

    def _sources(self, drawn, size) -> tuple[tf.Tensor, tf.Tensor]:
        """Where every pixel comes from: x and y, (batch, height, width) float32.

        Coordinates are those of pixel centres: the first pixel's is 0.5. A window of at least
        1 - crop of each side, turned about its own centre, is enlarged to the whole.
        """
        height, width = size
        p = self.parameters
        horizontal, vertical = self._flips(drawn)
        one = tf.ones_like(drawn["x"])
        across = one if horizontal is None else tf.where(horizontal, -one, one)
        down = one if vertical is None else tf.where(vertical, -one, one)
        kept = 1 - p.crop * drawn["kept"]  # (batch,)
        angle = math.radians(p.rotate) * (2 * drawn["angle"] - 1)
        sine, cosine = kept * tf.sin(angle), kept * tf.cos(angle)
        # From the centre, in pixels: (1, 1, width) and (1, height, 1).
        u = (tf.range(width, dtype=tf.float32) + 0.5 - width / 2)[None, None, :]
        v = (tf.range(height, dtype=tf.float32) + 0.5 - height / 2)[None, :, None]
        sine, cosine, across, down, kept, move_x, move_y = (
            value[:, None, None]
            for value in (sine, cosine, across, down, kept, drawn["x"], drawn["y"])
        )
        x = across * (cosine * u - sine * v) + width / 2 + (1 - kept) * width * (move_x - 0.5)
        y = down * (sine * u + cosine * v) + height / 2 + (1 - kept) * height * (move_y - 0.5)
        return x, y

    def _recolouring(self, images, drawn):
        """A function that changes brightness, contrast, saturation and hue in one go.

        brightness b: pixels times b. contrast c: the distance from the picture's mean luma,
        times c. saturation s: the distance from the pixel's own luma, times s. hue: a turn of
        the chroma plane. All but the contrast's mean is linear, so they are one matrix.
        """
        p = self.parameters
        if not (p.brightness or p.contrast or p.saturation or p.hue):
            return lambda pictures: pictures
        brightness = _factor(p.brightness, drawn["brightness"])
        contrast = _factor(p.contrast, drawn["contrast"])
        gain = (brightness * contrast)[:, None, None, None]
        offset = 0.0
        if p.contrast:
            luma = _YIQ[0] if images.shape[-1] == 3 else np.ones([images.shape[-1]], np.float32)
            means = tf.reduce_mean(tf.cast(images, tf.float32), axis=[1, 2])  # (batch, channels)
            mean = tf.linalg.matvec(means, luma / luma.sum())  # (batch,)
            offset = ((1 - contrast) * brightness * mean)[:, None, None, None]
        if not (p.saturation or p.hue):
            return lambda pictures: gain * tf.cast(pictures, tf.float32) + offset
        matrix = self._chroma(drawn) * gain[:, 0]  # (batch, 3, 3)

        def recolour(pictures):
            red, green, blue = tf.unstack(tf.cast(pictures, tf.float32), axis=-1)
            rows = [
                matrix[:, i, 0, None, None] * red
                + matrix[:, i, 1, None, None] * green
                + matrix[:, i, 2, None, None] * blue
                for i in range(3)
            ]
            return tf.stack(rows, axis=-1) + offset

        return recolour

    def _chroma(self, drawn) -> tf.Tensor:
        """Saturation and hue as matrices from RGB to RGB, (batch, 3, 3) float32."""
        p = self.parameters
        saturation = _factor(p.saturation, drawn["saturation"])
        angle = 2 * math.pi * p.hue * (2 * drawn["hue"] - 1)
        sine, cosine = saturation * tf.sin(angle), saturation * tf.cos(angle)
        one, none = tf.ones_like(sine), tf.zeros_like(sine)
        turn = tf.stack([one, none, none, none, cosine, -sine, none, sine, cosine], axis=-1)
        turn = tf.reshape(turn, [-1, 3, 3])
        return np.linalg.inv(_YIQ) @ turn @ _YIQ

    def _cut(self, drawn, size) -> tf.Tensor:
        """Which pixels are cut out: one rectangle a picture, (batch, height, width) bool."""
        within = []
        for side, start in zip(size, (drawn["cut_y"], drawn["cut_x"]), strict=True):
            length = max(1, round(self.parameters.cutout * side))
            first = tf.floor(start * (side - length + 1))[:, None]  # (batch, 1)
            pixels = tf.range(side, dtype=tf.float32)[None, :]
            within.append((pixels >= first) & (pixels < first + length))  # (batch, side)
        rows, columns = within
        return rows[:, :, None] & columns[:, None, :]


def _no_class() -> tf.Tensor:
    return tf.constant(NO_CLASS, tf.uint8)


def _factor(most: float, uniform: tf.Tensor) -> tf.Tensor:
    """Between 1 - most and 1 + most."""
    return 1 + most * (2 * uniform - 1)


def _inside(position: tf.Tensor, side: int) -> tf.Tensor:
    return (position >= 0) & (position <= side)


def _pick(pictures: tf.Tensor, row: tf.Tensor, column: tf.Tensor) -> tf.Tensor:
    """Pixels by row and column, (batch, height, width) int32 each; beyond an edge: the edge's."""
    _, height, width, channels = pictures.shape
    row, column = tf.clip_by_value(row, 0, height - 1), tf.clip_by_value(column, 0, width - 1)
    flat = tf.reshape(pictures, [-1, height * width, channels])
    picked = tf.gather(flat, tf.reshape(row * width + column, [-1, height * width]), batch_dims=1)
    return tf.reshape(picked, [-1, height, width, channels])


def _nearest(pictures: tf.Tensor, x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    return _pick(pictures, tf.cast(tf.floor(y), tf.int32), tf.cast(tf.floor(x), tf.int32))


def _bilinear(pictures: tf.Tensor, x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """The four pixels around, weighted by nearness; float32."""
    x, y = x - 0.5, y - 0.5
    left, top = tf.floor(x), tf.floor(y)
    right_share, lower_share = (x - left)[..., None], (y - top)[..., None]
    column, row = tf.cast(left, tf.int32), tf.cast(top, tf.int32)

    def line(at):
        start = tf.cast(_pick(pictures, at, column), tf.float32)
        end = tf.cast(_pick(pictures, at, column + 1), tf.float32)
        return start + right_share * (end - start)

    upper = line(row)
    return upper + lower_share * (line(row + 1) - upper)
