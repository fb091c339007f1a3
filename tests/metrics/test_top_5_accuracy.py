"""The part of the images whose class is among the five most probable ones."""

import pytest

from metrics import catalog, top_5_accuracy


def test_it_is_the_mean_over_all_labels(answers):
    assert top_5_accuracy.measure(answers.counts) == pytest.approx(answers.among_five.mean())


def test_it_is_not_measured_with_few_classes(answers, nobody_knows):
    assert "top_5_accuracy" in catalog.overall(answers.counts, "classification")
    assert "top_5_accuracy" not in catalog.overall(nobody_knows, "classification")
    assert "top_5_accuracy" not in catalog.by_true_class(nobody_knows, "classification")
