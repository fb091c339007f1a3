"""The precision of each class."""

import pytest

from metrics import precision


def test_precision_is_what_scikit_learn_computes(answers):
    assert precision.measure(answers.counts) == pytest.approx(answers.precision, abs=1e-12)


def test_a_class_without_any_answer_or_example_has_0(nobody_knows):
    assert precision.measure(nobody_knows).tolist() == pytest.approx([2 / 3, 0])
