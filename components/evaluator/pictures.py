"""Small pictures of examples, for a report that a browser shows."""

import io

import numpy as np
import tensorflow as tf
from PIL import Image

from components.evaluator.worst_examples import suffix
from components.image_decode import UNDECODABLE, decode_image
from components.mask_palette import mask_image

MOST_BYTES = 60_000  # of an image that is kept as it is
MOST_SIDE = 384  # pixels of the longer side of any other
_PNG_PIXELS = 256**2  # Above, a photograph as PNG is too large.


def shown(encoded: bytes) -> bytes:
    """The image as it is, or shrunk, as PNG or JPEG, when it is large or in another format."""
    if suffix(encoded) and len(encoded) <= MOST_BYTES:
        return encoded
    try:
        # Turned, as a browser turns what it gets as it is.
        pixels = decode_image(tf.constant(encoded), 3, exif_orientation=True)
    except UNDECODABLE:
        # A model that turns no images can do with damaged EXIF.
        pixels = decode_image(tf.constant(encoded), 3, exif_orientation=False)
    return _small(Image.fromarray(pixels.numpy()))


def segmented(image: np.ndarray, truth: np.ndarray, prediction: np.ndarray) -> dict[str, bytes]:
    """An image and its two masks, encoded, all of one size.

    Args:
      image: (height, width, 1 or 3) uint8.
      truth: (height, width) int in 0..254 or 255, a pixel of no class.
      prediction: as `truth`.

    Returns:
      "image" as PNG or JPEG, "truth" and "prediction" as PNG of class ids with a palette.
    """
    pixels = image[..., 0] if image.shape[-1] == 1 else image
    images = {"image": Image.fromarray(pixels)}
    images |= {"truth": mask_image(truth), "prediction": mask_image(prediction)}
    return {name: _small(image) for name, image in images.items()}


def _small(image: Image.Image) -> bytes:
    is_mask = image.mode == "P"  # Class ids cannot be blended.
    small, file = image.copy(), io.BytesIO()
    kind = Image.Resampling.NEAREST if is_mask else Image.Resampling.BICUBIC
    small.thumbnail((MOST_SIDE, MOST_SIDE), kind)
    if is_mask or small.width * small.height <= _PNG_PIXELS:
        small.save(file, "PNG")
    else:
        small.save(file, "JPEG", quality=85)
    return file.getvalue()
