"""The average precision of each class."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from metrics import average_precision
from metrics.counts import LabelCounts


def test_average_precision_is_what_scikit_learn_computes(labelled):
    found = average_precision.measure(labelled.counts)
    expected = average_precision_score(
        labelled.truth[:, :-1], labelled.scores[:, :-1], average=None
    )
    assert found[:-1] == pytest.approx(expected, abs=1e-6)


def test_a_class_that_no_label_has_gets_0(labelled):
    assert average_precision.measure(labelled.counts)[-1] == 0


def test_without_any_image_every_class_has_0():
    none = np.zeros(3, int)
    assert average_precision.measure(LabelCounts(none, none, none)).tolist() == [0, 0, 0]
