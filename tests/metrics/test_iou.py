"""Intersection over union of each class."""

import pytest
from sklearn.metrics import jaccard_score

from metrics import iou
from metrics.counts import Counts


def test_iou_is_what_scikit_learn_computes(answers):
    expected = jaccard_score(answers.truth, answers.predicted, average=None)
    assert iou.measure(answers.counts) == pytest.approx(expected, abs=1e-12)


def test_the_confusion_of_a_single_image_needs_no_row_for_unknown_labels(answers):
    square = Counts(answers.counts.confusion[:-1])
    assert iou.measure(square).tolist() == iou.measure(answers.counts).tolist()
