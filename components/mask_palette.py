"""Segmentation masks as PNG files of class ids, in colours that tell the classes apart."""

import functools
import io

import numpy as np
from PIL import Image

from settings.data import NO_CLASS

_GREY = (128, 128, 128)  # not the colour of any class
# Distinguishable with a colour vision deficiency: Okabe and Ito, "Color Universal Design", 2008.
_COLOURS = (  # of the first classes
    (86, 180, 233), (230, 159, 0), (0, 158, 115), (213, 94, 0), (0, 114, 178),
    (204, 121, 167), (240, 228, 66), (148, 103, 189), (140, 86, 75), (23, 190, 207),
)  # fmt: skip


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


def colour_of(number: int) -> tuple[int, int, int]:
    """Red, green and blue of a class id, unique to it; grey for no class.

    From the eleventh class on, the colours are Pascal VOC's. Source: VOCdevkit, "VOClabelcolormap",
    http://host.robots.ox.ac.uk/pascal/VOC/.
    """
    if number == NO_CLASS:
        return _GREY
    if number < len(_COLOURS):
        return _COLOURS[number]
    channels = [0, 0, 0]
    for level in range(8):
        for channel in range(3):
            channels[channel] |= (number >> (3 * level + channel) & 1) << (7 - level)
    return tuple(channels)


@functools.cache
def _palette() -> bytes:
    """Red, green and blue of each of the 256 ids."""
    return bytes(part for number in range(256) for part in colour_of(number))
