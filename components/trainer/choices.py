"""What a model chose between, as far as a temperature is fitted to it."""

from typing import NamedTuple

import numpy as np


class Choices(NamedTuple):
    """Of some examples: one class of all, or for each class yes or no."""

    logits: np.ndarray  # (choices, options) float
    right: np.ndarray  # (choices,) int, the option that is right
    weights: np.ndarray  # (choices,) float of 0 or more
    examples: int  # that the choices are about
