"""JPEGs to rows of raw pixels by simplejpeg and OpenCV, where both are installed.

They take 0.6 of the time of TensorFlow's ops for a photograph of 500x375 to 224x224; most of
that is the faster resizing. Both release Python's lock while they work.
"""

import contextlib
import functools
import importlib.util
import math
import os
import re
import threading
from collections.abc import Iterator, Sequence
from types import ModuleType

import numpy as np

JPEG = b"\xff\xd8\xff"
RATIOS = (1, 2, 4, 8)  # by which a JPEG decoder shrinks an image at little cost
_RGB = 3
_FOUR_COLOURS = ("CMYK", "YCCK")
# ITU-T T.81, B.1.1 and B.2.2: the markers of frames, and where in one the height stands.
_BASELINE = (0xC0, 0xC1)
_OTHER_FRAMES = (*range(0xC2, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xDB))
_HEIGHT, _FRAME_BYTES = 5, 9
# Before the picture's end, or before a mark that divides what lies below.
_LEFT_OVER = re.compile("extraneous bytes before marker 0xd[0-79]")
_DECODED_BYTES = 1 << 20  # the first size of a thread's buffer

_of_thread = threading.local()
_importing = threading.Lock()


@functools.cache
def available() -> bool:
    """Whether simplejpeg (libjpeg-turbo) and OpenCV are installed."""
    # Found, not imported: without JPEGs nothing should wait for the import.
    return all(map(_is_installed, ("simplejpeg", "cv2")))


def _is_installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ValueError:  # None stands in sys.modules: the user forbids the import.
        return False


def decode_rows(
    images: Sequence[bytes],
    orientations: Sequence[int],
    shape: tuple[int, int, int],
    rows: np.ndarray,
) -> list[int]:
    """Decodes JPEGs and stretches them to `shape`, bilinearly, with half-pixel centres.

    The decoder enlarges colours and transforms blocks in its fast way, as TensorFlow's does.
    Photographs of 500x375 at 224x224 differ from the result of TensorFlow's ops by 0.5 of 255
    on average, in colour only, and not at all where the decoder shrinks.

    Args:
      images: (batch,) encoded images.
      orientations: (batch,) their EXIF orientations.
      shape: (height, width, channels); 1 or 3 channels.
      rows: (batch, height * width * channels) uint8, to be filled.

    Returns:
      The rows left unfilled: of images that are CMYK, damaged, too large, to be turned, or
      not JPEGs.
    """
    height, width, channels = shape
    pictures = rows.reshape(len(images), height, width, channels)
    simplejpeg, _ = _libraries()
    left = []
    with quick_resizing() as cv2:
        for number, image in enumerate(images):
            if orientations[number] != 1:
                left.append(number)
                continue
            try:
                decoded = _decode(simplejpeg, image, shape)
                cv2.resize(decoded, (width, height), dst=pictures[number])
            except (ValueError, cv2.error):  # OpenCV takes at most 32,767 pixels a side.
                left.append(number)
    return left


@contextlib.contextmanager
def quick_resizing() -> Iterator[ModuleType]:
    """OpenCV, whose `resize` is off by 1 of 255 and twice as fast in this thread."""
    _, cv2 = _libraries()
    exact = not cv2.ipp.useIPP_NotExact()
    cv2.ipp.setUseIPP_NotExact(True)
    try:
        yield cv2
    finally:
        cv2.ipp.setUseIPP_NotExact(not exact)


def size_of(image: bytes) -> tuple[int, int] | None:
    """Height and width as stored; None of images that TensorFlow's ops have to read."""
    simplejpeg, _ = _libraries()
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(image)
    except ValueError:
        return None
    return None if colours in _FOUR_COLOURS else (height, width)


def decode_upper(image: bytes, end: int, channels: int, ratio: int) -> np.ndarray | None:
    """The rows of a JPEG above row `end`, shrunk by `ratio`, decoded as all of it would be.

    To the decoder the picture ends there, so it reads nothing of what lies below.

    Args:
      end: a multiple of 32, or the height of the picture.
      ratio: one of RATIOS.

    Returns:
      (rows / ratio, width / ratio, channels) uint8, in memory that the thread's next call reuses;
      None if the image is damaged above, or not of the usual kind: baseline, in one scan.
    """
    place, size = _place_of_height(image), size_of(image)
    if place is None or size is None:
        return None
    height, width = -(-end // ratio), -(-size[1] // ratio)
    buffer = _buffer(height * width * channels)
    if end != size[0]:
        image = b"".join((image[:place], end.to_bytes(2), image[place + 2 :]))
    simplejpeg, _ = _libraries()
    try:
        _decode_into(simplejpeg, image, (height, width), channels, ratio, buffer)
    except ValueError as error:
        # Not reading what lies below is the only complaint, after the last row was decoded.
        if not _LEFT_OVER.search(str(error)):
            return None
    return buffer[: height * width * channels].reshape(height, width, channels)


def _place_of_height(image: bytes) -> int | None:
    """Where the height stands in a JPEG of the usual kind."""
    at = 2
    while image[at : at + 1] == b"\xff" and at + _FRAME_BYTES < len(image):
        marker = image[at + 1]
        if marker in _BASELINE:
            return at + _HEIGHT
        if marker in _OTHER_FRAMES:
            break
        at += 2 + int.from_bytes(image[at + 2 : at + 4])
    return None


def decode_whole(images: Sequence[bytes], channels: int, rows: np.ndarray) -> None:
    """Decodes JPEGs as they are, each into its row, in the exact way.

    Args:
      images: (batch,) encoded images of one size, not CMYK.
      rows: (batch, height * width * channels) uint8, to be filled.
    """
    simplejpeg, _ = _libraries()
    for image, row in zip(images, rows, strict=True):
        simplejpeg.decode_jpeg(image, _space(channels), buffer=row)


def encode(pictures: np.ndarray, quality: int) -> list[bytes]:
    """JPEGs with half as many rows and columns of colours.

    Args:
      pictures: (batch, height, width, channels) uint8; 1 or 3 channels.
      quality: 1 to 100.
    """
    simplejpeg, _ = _libraries()
    space = _space(pictures.shape[3])
    colours = "420" if space == "RGB" else "Gray"
    return [simplejpeg.encode_jpeg(one, quality, space, colours) for one in pictures]


def _space(channels: int) -> str:
    return "RGB" if channels == _RGB else "GRAY"


def _decode(simplejpeg: ModuleType, image: bytes, shape: tuple[int, int, int]) -> np.ndarray:
    """(height, width, channels) uint8, in memory that the thread's next call reuses."""
    height, width, colours, _ = simplejpeg.decode_jpeg_header(image)
    if colours in _FOUR_COLOURS:
        raise ValueError("TensorFlow turns four colours into three in its own way.")
    scale = min(height / shape[0], width / shape[1])  # how much larger than needed
    ratio = max(ratio for ratio in RATIOS if ratio == 1 or ratio <= scale)
    size = -(-height // ratio), -(-width // ratio)
    return _decode_into(
        simplejpeg, image, size, shape[2], ratio, _buffer(math.prod(size) * shape[2])
    )


def _decode_into(simplejpeg: ModuleType, image, size, channels, ratio, buffer) -> np.ndarray:
    return simplejpeg.decode_jpeg(
        image,
        _space(channels),
        fastdct=True,
        fastupsample=True,
        min_height=size[0],
        min_width=size[1],
        min_factor=ratio,
        buffer=buffer,
    )


def _buffer(size: int) -> np.ndarray:
    # The system clears each page of new memory, which costs more than filling it.
    buffer = getattr(_of_thread, "buffer", None)
    if buffer is None or len(buffer) < size:
        buffer = _of_thread.buffer = np.empty(max(size, _DECODED_BYTES), np.uint8)
    return buffer


def _libraries() -> tuple[ModuleType, ModuleType]:
    # One thread at a time: a second one would take OpenCV's change for the state before.
    with _importing:
        return _imported()


@functools.cache
def _imported() -> tuple[ModuleType, ModuleType]:
    before = os.environ.get("LD_LIBRARY_PATH")
    import cv2
    import simplejpeg

    # OpenCV's import puts its own folder first, for every program started from here.
    if before is None:
        os.environ.pop("LD_LIBRARY_PATH", None)
    else:
        os.environ["LD_LIBRARY_PATH"] = before
    return simplejpeg, cv2
