"""The part of the answers that are right."""

import pytest
from sklearn.metrics import accuracy_score

from metrics import accuracy


def test_accuracy_is_what_scikit_learn_computes(answers):
    expected = accuracy_score(answers.truth, answers.predicted)
    assert accuracy.measure(answers.counts) == pytest.approx(expected, abs=1e-12)


def test_labels_in_no_vocabulary_count_as_wrong(nobody_knows):
    assert accuracy.measure(nobody_knows) == 0.5
    assert accuracy.by_true_class(nobody_knows).tolist() == [2 / 3, 0, 0]
