"""What is read from the answers of a model that gives a class to each pixel."""

import numpy as np
import pytest

from components.tasks.segmentation import answers


def test_the_mean_probabilities_of_a_large_image_are_exact():
    pixels = (1, 2048, 2048)
    said = np.broadcast_to(np.array([0.7, 0.3], np.float32), (*pixels, 2))
    [answer] = answers.read({"probabilities": said, "mask": np.zeros(pixels, np.uint8)})
    assert answer.probabilities.tolist() == pytest.approx([0.7, 0.3], abs=1e-6)
