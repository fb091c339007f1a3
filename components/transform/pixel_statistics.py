"""The images' shape, and mean and standard deviation of the training split's pixels.

tft.var adds up float32; whole numbers have no rounding, so the statistics do not depend on
the division into shards and batches.
"""

import numpy as np

from files.strict_json import text_of

FILE = "pixel_statistics.json"
# float32 holds whole numbers up to 2**24 exactly, and so the sum of so many squares of bytes.
_EXACT_ROWS = 2**24 // 255**2


def of_batch(images: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """The sum of values and the sum of squares over all images.

    Args:
      images: (batch, height * width * channels) uint8, one image after the other in memory.
      shape: (height, width, channels).

    Returns:
      (2, channels) of Python's whole numbers, because int64 overflows at some billion images.
    """
    _, width, channels = shape
    columns = np.zeros((2, width * channels), np.int64)
    rows = images.reshape(-1, width * channels)
    for top in range(0, len(rows), _EXACT_ROWS):
        # einsum lets other threads work, and needs no array of the squares.
        values = rows[top : top + _EXACT_ROWS].astype(np.float32)
        columns[0] += np.einsum("ij->j", values).astype(np.int64)
        columns[1] += np.einsum("ij,ij->j", values, values).astype(np.int64)
    return columns.reshape(2, width, channels).sum(axis=1).astype(object)


def as_json(sums: np.ndarray, images: int, shape: tuple[int, int, int]) -> str:
    """The file's content, from the sums over all images, (2, channels).

    Returns:
      {"shape": shape, "mean": [by channel], "std": [by channel]}, 0 to 255; the standard
      deviation is that of the population.
    """
    totals, squares = sums.tolist()
    pixels = max(images * shape[0] * shape[1], 1)
    mean = [total / pixels for total in totals]
    variance = [
        (square * pixels - total * total) / (pixels * pixels)
        for total, square in zip(totals, squares, strict=True)
    ]
    return text_of({"shape": shape, "mean": mean, "std": [one**0.5 for one in variance]})
