"""Random windows of encoded images, decoded alone and resized to the wanted shape.

A JPEG decoder has to read all that stands before the window's last row, but nothing below it, and
it shrinks the picture on the way where the window is much too large.
"""

import dataclasses
import math
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from components.exif_orientation import as_stored, turned
from components.image_decode import decode_image
from components.trainer.input import jpeg
from components.trainer.input.epochs import Epochs
from components.trainer.input.source import traced
from failures import Failure

DRAWS = 4  # random numbers that a window takes
_STREAM = 0x43524F50  # apart from the numbers that other parts of a training draw by its seed
_BLOCKS = 32  # pixels: the largest block of a JPEG's coefficients, colours included
_THREE_COLOURS = 3
_MOST_OF_OPENCV = 32_767  # pixels a side


class Window(NamedTuple):
    """A part of a picture, in pixels."""

    top: int
    left: int
    height: int
    width: int


@dataclasses.dataclass(frozen=True)
class RandomCrop:
    """Which windows may be drawn; the defaults are those that ImageNet is usually trained with.

    A side that would be longer than the picture's is cut to it.
    """

    area: tuple[float, float] = (0.08, 1.0)  # the smallest and the largest share of the picture's
    aspect: tuple[float, float] = (3 / 4, 4 / 3)  # width ÷ height in pixels, from and to

    def check(self) -> None:
        """Raises a Failure for a value out of range."""
        least, most = self.area
        if not 0 < least <= most <= 1:
            raise Failure(f"The random crop's area is {self.area}. Set it within 0 and 1, rising.")
        narrow, wide = self.aspect
        if not 0 < narrow <= wide < math.inf:
            raise Failure(f"The random crop's aspect is {self.aspect}. Set it above 0, rising.")

    def window(self, height: int, width: int, draws: np.ndarray) -> Window:
        """A window of a picture of that size.

        Args:
          draws: (DRAWS,) in 0..1, which alone decide.
        """
        of_area, of_aspect, down, right = map(float, draws)
        least, most = self.area
        area = (least + of_area * (most - least)) * height * width
        narrow, wide = self.aspect
        aspect = narrow * (wide / narrow) ** of_aspect
        high = min(height, max(1, round(math.sqrt(area / aspect))))
        broad = min(width, max(1, round(math.sqrt(area * aspect))))
        return Window(
            int(down * (height - high + 1)), int(right * (width - broad + 1)), high, broad
        )


def draws(epochs: Epochs) -> tf.data.Dataset:
    """The random numbers of each batch, from the first step on: (batch / workers, DRAWS) float32.

    They are a function of the seed, the step and the place in the batch alone.
    """
    order = epochs.order

    @traced
    def of_step(step):
        seed = tf.stack([tf.constant(order.seed ^ _STREAM, tf.int64), step])
        # Philox by name: TensorFlow's default algorithm depends on the device.
        drawn = tf.random.stateless_uniform([order.batch_size, DRAWS], seed, alg="philox")
        return drawn[epochs.worker :: epochs.workers]

    return tf.data.Dataset.range(epochs.first_step, tf.int64.max).map(of_step)


def decode_windows(
    images: np.ndarray,
    orientations: np.ndarray,
    draws: np.ndarray,
    crop: RandomCrop,
    shape: tuple[int, int, int],
    rows: np.ndarray,
) -> None:
    """Decodes a window of each image and stretches it to `shape`, bilinearly.

    Args:
      images: (batch,) encoded images, of any kind that `decode_image` reads.
      orientations: (batch,) their EXIF orientations; windows are of the turned pictures.
      draws: (batch, DRAWS) in 0..1.
      rows: (batch, height * width * channels) uint8, to be filled.

    Raises:
      tf.errors.InvalidArgumentError: an image is damaged; what lies below a window is not checked.
    """
    pictures = rows.reshape(len(images), *shape)
    with tf.device("CPU"):
        for number, picture in enumerate(pictures):
            image, orientation = images[number], int(orientations[number])
            _stretch(_decode(image, orientation, draws[number], crop, shape), picture)


def _stretch(picture: np.ndarray, target: np.ndarray) -> None:
    height, width, _ = target.shape
    if jpeg.available() and max(picture.shape) <= _MOST_OF_OPENCV:
        with jpeg.quick_resizing() as cv2:
            cv2.resize(picture, (width, height), dst=target)
    else:
        target[:] = tf.cast(tf.image.resize(picture, (height, width)) + 0.5, tf.uint8).numpy()


def _decode(image: bytes, orientation: int, drawn, crop: RandomCrop, shape) -> np.ndarray:
    height, width, channels = shape
    size = _jpeg_size(image)
    if size is None:
        return _of_whole(image, orientation, drawn, crop, channels)
    upright = size[::-1] if orientation >= 5 else size  # lies on its side
    window = crop.window(*upright, drawn)
    scale = min(window.height / height, window.width / width)
    ratio = max(ratio for ratio in jpeg.RATIOS if ratio == 1 or ratio <= scale)
    stored = as_stored(window, upright, orientation)
    decoded = decode_window(image, size, Window(*stored), channels, ratio)
    return decoded if orientation == 1 else turned(tf.constant(decoded), orientation).numpy()


def _of_whole(image: bytes, orientation: int, drawn, crop: RandomCrop, channels) -> np.ndarray:
    whole = turned(decode_image(tf.constant(image), channels, False), orientation).numpy()
    top, left, height, width = crop.window(*whole.shape[:2], drawn)
    return whole[top : top + height, left : left + width]


def _jpeg_size(image: bytes) -> tuple[int, int] | None:
    """Height and width as stored of a JPEG that is decoded in windows; None for other images."""
    if not image.startswith(jpeg.JPEG):
        return None
    if jpeg.available() and (size := jpeg.size_of(image)):
        return size
    height, width, colours = tf.io.extract_jpeg_shape(image).numpy().tolist()
    return (height, width) if colours <= _THREE_COLOURS else None


def decode_window(
    image: bytes, size: tuple[int, int], window: Window, channels: int, ratio: int = 1
) -> np.ndarray:
    """The pixels of a JPEG's window as they are in the picture decoded whole, in the quick way.

    Args:
      size: the picture's height and width.
      window: in its pixels; of each `ratio` of them, from the picture's edge on, one is left.
      ratio: 1, 2, 4 or 8: by which the decoder shrinks the picture.

    Returns:
      (height, width, channels) uint8, at least 1x1.

    Raises:
      tf.errors.InvalidArgumentError: the image is damaged above the window's last row.
    """
    high, broad = (-(-side // ratio) for side in size)
    top, left = window.top // ratio, window.left // ratio
    height = max(1, min(window.height // ratio, high - top))
    width = max(1, min(window.width // ratio, broad - left))
    block = _BLOCKS // ratio
    end = min(-(-(top + height) // block) * block, high)
    upper = None
    if jpeg.available():
        upper = jpeg.decode_upper(image, min(end * ratio, size[0]), channels, ratio)
    if upper is not None:
        return upper[top : top + height, left : left + width]
    # Rows are skipped in whole blocks: libjpeg-turbo up to 3.1 mistakes rows within one (its
    # issue 915).
    first = top // block * block
    decoded = tf.raw_ops.DecodeAndCropJpeg(
        contents=image,
        crop_window=[first, left, end - first, width],
        channels=channels,
        ratio=ratio,
        fancy_upscaling=False,
        dct_method="INTEGER_FAST",
    )
    return decoded.numpy()[top - first : top - first + height]
