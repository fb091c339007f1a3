"""The recall of each class."""

import pytest

from metrics import recall


def test_recall_is_what_scikit_learn_computes(answers):
    assert recall.measure(answers.counts) == pytest.approx(answers.recall, abs=1e-12)


def test_a_class_without_any_answer_or_example_has_0(nobody_knows):
    assert recall.measure(nobody_knows).tolist() == pytest.approx([2 / 3, 0])
