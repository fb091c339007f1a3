"""The lowest recall of the classes that occur."""

import numpy as np
import pytest

from metrics import worst_class_recall
from metrics.counts import Counts


def test_it_is_the_lowest_recall_that_scikit_learn_computes(answers):
    assert worst_class_recall.measure(answers.counts) == pytest.approx(answers.recall.min())


def test_a_class_that_does_not_occur_is_not_the_worst(nobody_knows):
    assert worst_class_recall.measure(nobody_knows) == pytest.approx(2 / 3)


def test_without_any_known_label_it_is_0():
    assert worst_class_recall.measure(Counts(np.array([[0, 0], [0, 0], [3, 1]]))) == 0
