"""How sure a classifier is, beside how often it is right."""

import numpy as np

from metrics.expected_calibration_error import BINS


def binned(
    confidence: np.ndarray, right: np.ndarray, before: np.ndarray | None = None
) -> np.ndarray:
    """The answers to a batch by their confidence.

    Args:
      confidence: (answers,) float, the probability of each answer.
      right: (answers,) bool.
      before: what is returned for all batches before; these answers are added to it one by one, so
        that the sums do not depend on the batches. None: this is the first.

    Returns:
      (BINS, 3) float64: examples, right ones and summed confidence of the bins (0, 1/15],
      (1/15, 2/15] …
    """
    before = np.zeros((BINS, 3)) if before is None else before
    confidence = confidence.astype(np.float64)
    bins = np.ceil(np.nan_to_num(confidence) * BINS).astype(int).clip(1, BINS) - 1
    bins = np.concatenate([np.arange(BINS), bins])
    columns = np.stack([np.ones(len(right)), right, confidence], axis=1)
    columns = np.concatenate([before, columns]).T
    return np.stack([np.bincount(bins, column, BINS) for column in columns], axis=1)


def uncalibrated(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """(batch,) the confidence, had the logits not been divided by the temperature.

    Args:
      probabilities: (batch, classes) float, 0 for classes that the model does not know.
    """
    highest = probabilities.max(axis=1)
    if temperature == 1:
        return highest
    # Of float32, as 20,000 classes have many: p^t / sum(p^t), without the smallest numbers.
    with np.errstate(divide="ignore"):  # of a probability of 0
        logits = np.log(probabilities / highest[:, np.newaxis])
    return 1 / np.exp(np.float32(temperature) * logits).sum(axis=1)


def yes_uncalibrated(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """What sigmoids would be, had the logits not been divided by the temperature; float64."""
    yes = probabilities.astype(np.float64)
    with np.errstate(divide="ignore", over="ignore"):  # of a probability of nearly 0
        return 1 / (1 + ((1 - yes) / yes) ** temperature)
