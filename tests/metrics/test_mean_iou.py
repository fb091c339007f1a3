"""The mean IoU of the classes that occur or are predicted."""

import numpy as np
import pytest
from sklearn.metrics import jaccard_score

from metrics import mean_iou
from metrics.counts import Counts


def test_it_is_what_scikit_learn_computes(answers):
    expected = jaccard_score(answers.truth, answers.predicted, average=None).mean()
    assert mean_iou.measure(answers.counts) == pytest.approx(expected, abs=1e-12)


def test_a_class_that_is_only_predicted_counts_and_one_without_pixels_does_not():
    counts = Counts(np.array([[3, 1, 0], [0, 0, 0], [0, 0, 0]]))
    assert mean_iou.measure(counts) == 0.75 / 2


def test_without_pixels_it_is_nan():
    assert np.isnan(mean_iou.measure(Counts(np.zeros((2, 2), int))))
