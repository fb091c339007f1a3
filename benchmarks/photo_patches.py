"""Patches of the two photographs that scikit-learn ships, by the part that each comes from."""

import numpy as np
from sklearn.datasets import load_sample_images

PATCH = 16  # pixels


def patches(rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Patches that do not overlap, the same ones for any parts, and their classes.

    Args:
      rows: of parts that each photograph is divided into, and `columns` of them.

    Returns:
      (n, PATCH, PATCH, 3) uint8, and (n,) int64 below 2 · rows · columns.
    """
    images, classes = [], []
    for number, photograph in enumerate(load_sample_images().images):
        down, across = (side // PATCH for side in photograph.shape[:2])
        whole = photograph[: down * PATCH, : across * PATCH]
        cut = whole.reshape(down, PATCH, across, PATCH, 3).swapaxes(1, 2)
        images.append(cut.reshape(-1, PATCH, PATCH, 3))
        row, column = np.arange(down) * rows // down, np.arange(across) * columns // across
        part = np.add.outer(row * columns, column).ravel()
        classes.append(number * rows * columns + part)
    return np.concatenate(images), np.concatenate(classes)
