"""Segmentation masks as PNG files of class ids, in colours that tell the classes apart."""

import functools
import io

import numpy as np
from PIL import Image

NO_CLASS = 255  # A pixel of no class.
_GREY = (160, 160, 160)  # of none of the 255 classes


def mask_image(ids: np.ndarray) -> Image.Image:
    """The picture of (height, width) class ids in 0..254 or 255: its pixels are the ids."""
    height, width = ids.shape
    mask = Image.frombytes("P", (width, height), ids.astype(np.uint8).tobytes())
    mask.putpalette(_palette())
    return mask


def mask_png(ids: np.ndarray) -> bytes:
    """`mask_image` as a PNG file."""
    file = io.BytesIO()
    mask_image(ids).save(file, "PNG")
    return file.getvalue()


@functools.cache
def _palette() -> bytes:
    """Red, green and blue of each of the 256 ids."""
    return bytes(part for number in range(256) for part in _colour(number))


def _colour(number: int) -> tuple[int, int, int]:
    """A colour of its own for each class id, as Pascal VOC has them, and grey for no class.

    Source: VOCdevkit, "VOClabelcolormap", http://host.robots.ox.ac.uk/pascal/VOC/.
    """
    if number == NO_CLASS:
        return _GREY
    channels = [0, 0, 0]
    for level in range(8):
        for channel in range(3):
            channels[channel] |= (number >> (3 * level + channel) & 1) << (7 - level)
    return tuple(channels)
