"""The mean precision of the classes that occur."""

import numpy as np
import pytest

from metrics import macro_precision
from metrics.counts import Counts


def test_it_is_what_scikit_learn_computes(answers):
    assert macro_precision.measure(answers.counts) == pytest.approx(
        answers.precision.mean(), abs=1e-12
    )


def test_a_class_that_does_not_occur_does_not_count(nobody_knows):
    assert macro_precision.measure(nobody_knows) == pytest.approx(2 / 3)


def test_without_any_known_label_it_is_0():
    assert macro_precision.measure(Counts(np.array([[0, 0], [0, 0], [3, 1]]))) == 0
