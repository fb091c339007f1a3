"""The F1 of each class."""

import pytest

from metrics import f1


def test_f1_is_what_scikit_learn_computes(answers):
    assert f1.measure(answers.counts) == pytest.approx(answers.f1, abs=1e-12)


def test_a_class_without_any_answer_or_example_has_0(nobody_knows):
    assert f1.measure(nobody_knows).tolist() == pytest.approx([2 / 3, 0])
