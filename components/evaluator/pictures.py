"""Small pictures of examples, for a report that a browser shows."""

import io

import numpy as np
import tensorflow as tf
from PIL import Image

from components.evaluator.worst_examples import suffix
from components.image_decode import decode_image
from components.mask_palette import mask_image

MOST_BYTES = 60_000
_SIDES = (512, 384, 256, 192, 128)  # pixels of the longer side, tried in turn
_PNG_PIXELS = 256**2  # Above, a photograph as PNG is too large anyway.


def shown(encoded: bytes) -> bytes:
    """The image as it is, or shrunk, as PNG or JPEG, when it is large or in another format."""
    if suffix(encoded) and len(encoded) <= MOST_BYTES:
        return encoded
    pixels = decode_image(tf.constant(encoded), 3).numpy()
    return fitting({"image": Image.fromarray(pixels)})["image"]


def segmented(image: np.ndarray, truth: np.ndarray, prediction: np.ndarray) -> dict[str, bytes]:
    """An image and its two masks, encoded, all of one size.

    Args:
      image: (height, width, 1 or 3) uint8.
      truth: (height, width) int in 0..254 or 255, a pixel of no class.
      prediction: as `truth`.

    Returns:
      "image" as PNG or JPEG, "truth" and "prediction" as PNG of class ids with a palette.
    """
    masks = {"truth": mask_image(truth), "prediction": mask_image(prediction)}
    pixels = image[..., 0] if image.shape[-1] == 1 else image
    return fitting({"image": Image.fromarray(pixels)} | masks)


def fitting(images: dict[str, Image.Image]) -> dict[str, bytes]:
    """Encodes images of one size, shrunk together until each takes at most MOST_BYTES."""
    for side in _SIDES:
        encoded = {name: _encode(image, side) for name, image in images.items()}
        if max(map(len, encoded.values())) <= MOST_BYTES:
            break
    return encoded


def _encode(image: Image.Image, side: int) -> bytes:
    small = image.copy()
    nearest = image.mode == "P"  # Class ids cannot be blended.
    small.thumbnail((side, side), Image.Resampling.NEAREST if nearest else Image.Resampling.BICUBIC)
    if nearest or small.width * small.height <= _PNG_PIXELS:
        file = io.BytesIO()
        small.save(file, "PNG")
        if nearest or file.tell() <= MOST_BYTES:
            return file.getvalue()
    file = io.BytesIO()
    small.save(file, "JPEG", quality=85)
    return file.getvalue()
