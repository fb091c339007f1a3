"""The mean recall of the classes that occur."""

import numpy as np
import pytest

from metrics import macro_recall
from metrics.counts import Counts


def test_it_is_what_scikit_learn_computes(answers):
    assert macro_recall.measure(answers.counts) == pytest.approx(answers.recall.mean(), abs=1e-12)


def test_a_class_that_does_not_occur_does_not_count(nobody_knows):
    assert macro_recall.measure(nobody_knows) == pytest.approx(2 / 3)


def test_without_any_known_label_it_is_0():
    assert macro_recall.measure(Counts(np.array([[0, 0], [0, 0], [3, 1]]))) == 0
