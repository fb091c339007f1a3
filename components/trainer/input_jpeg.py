"""JPEGs to rows of raw pixels by libjpeg-turbo and OpenCV, where both are installed.

They take 0.6 of the time of TensorFlow's ops for a photograph of 500x375 to 224x224: the
quicker resizing counts most.  Both leave Python's lock while they work.
"""

import functools
import importlib.util
import os
import sys
import threading
from collections.abc import Sequence
from importlib.machinery import PathFinder
from types import ModuleType

import numpy as np

JPEG = b"\xff\xd8\xff"
RATIOS = (1, 2, 4, 8)  # by which a JPEG decoder shrinks quickly
_DECODED_BYTES = 1 << 20  # the first size of a thread's buffer

_of_thread = threading.local()
_importing = threading.Lock()


@functools.cache
def available() -> bool:
    """Whether simplejpeg (libjpeg-turbo) and OpenCV are installed."""
    # Looked for, not imported: who has no JPEGs should not wait for it.
    return bool(importlib.util.find_spec("simplejpeg") and PathFinder.find_spec("cv2"))


def decode_rows(
    images: Sequence[bytes], shape: tuple[int, int, int], least_scale: float, rows: np.ndarray
) -> list[int]:
    """Decodes JPEGs and stretches them to `shape`, bilinearly, with half-pixel centres.

    Colours are enlarged by libjpeg-turbo's quick way and the transform is its quick one, as
    TensorFlow's is: photographs of 500x375 at 224x224 differ from what TensorFlow's ops give
    by 0.5 of 255 in the mean, in colour only, and not at all where the decoder shrinks.

    Args:
      images: (batch,) encoded images.
      shape: (height, width, channels); 1 or 3 channels.
      least_scale: as `input_decode.decode_images`'s.
      rows: (batch, height * width * channels) uint8, to be filled.

    Returns:
      Which rows are left as they were: those of images in CMYK, damaged, too
        large, or no JPEGs at all.
    """
    height, width, channels = shape
    pictures = rows.reshape(len(images), height, width, channels)
    simplejpeg, cv2 = _libraries()
    cv2.ipp.setUseIPP_NotExact(True)  # holds for this thread: off by 1 of 255, twice as fast
    left = []
    for number, image in enumerate(images):
        try:
            decoded = _decode(simplejpeg, image, shape, least_scale)
            cv2.resize(decoded, (width, height), dst=pictures[number])
        except (ValueError, cv2.error):  # OpenCV takes no image of more than 32,767 pixels a side.
            left.append(number)
    return left


def _decode(
    simplejpeg: ModuleType, image: bytes, shape: tuple[int, int, int], least_scale: float
) -> np.ndarray:
    """(height, width, channels) uint8, in memory that the thread's next call uses again."""
    height, width, colours, _ = simplejpeg.decode_jpeg_header(image)
    if colours in ("CMYK", "YCCK"):
        raise ValueError("TensorFlow has its own way from four colours to three.")
    scale = min(height / shape[0], width / shape[1])  # how much larger than wanted
    ratio = max(ratio for ratio in RATIOS if ratio == 1 or scale / ratio >= least_scale)
    height, width = -(-height // ratio), -(-width // ratio)
    return simplejpeg.decode_jpeg(
        image,
        "RGB" if shape[2] == 3 else "GRAY",
        fastdct=True,
        fastupsample=True,
        min_height=height,
        min_width=width,
        min_factor=ratio,
        buffer=_buffer(height * width * shape[2]),
    )


def _buffer(size: int) -> np.ndarray:
    # New memory for every image would cost more than filling it: the system clears each page.
    buffer = getattr(_of_thread, "buffer", None)
    if buffer is None or len(buffer) < size:
        buffer = _of_thread.buffer = np.empty(max(size, _DECODED_BYTES), np.uint8)
    return buffer


def _libraries() -> tuple[ModuleType, ModuleType]:
    # One thread alone may import: to another, what OpenCV sets would be the state before.
    with _importing:
        return _imported()


@functools.cache
def _imported() -> tuple[ModuleType, ModuleType]:
    # Short bursts of AVX-512 slow down the decoding beside them by more than they gain.
    os.environ.setdefault("OPENCV_IPP", "avx2")
    before = os.environ.get("LD_LIBRARY_PATH")
    if sys.modules.get("cv2", sys) is None:
        sys.modules.pop("cv2", None)  # It was kept from Keras: components/__init__.py.
    import cv2
    import simplejpeg

    # OpenCV puts its own libraries before those of every program that is started from here.
    if before is None:
        os.environ.pop("LD_LIBRARY_PATH", None)
    else:
        os.environ["LD_LIBRARY_PATH"] = before
    cv2.setNumThreads(1)  # tf.data has a thread for each core
    return simplejpeg, cv2
