"""The mean average precision of the classes that occur."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from metrics import mean_average_precision
from metrics.counts import LabelCounts


def test_map_is_what_scikit_learn_computes_of_the_classes_that_occur(labelled):
    expected = average_precision_score(labelled.truth[:, :-1], labelled.scores[:, :-1])
    assert mean_average_precision.measure(labelled.counts) == pytest.approx(expected, abs=1e-6)


def test_map_is_0_where_no_class_occurs():
    none = np.zeros(3, int)
    assert mean_average_precision.measure(LabelCounts(none, none, none)) == 0
