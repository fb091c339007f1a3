"""The mean cross-entropy."""

import numpy as np
import pytest

from metrics import loss


def test_loss_is_the_mean_over_all_labels(answers):
    assert loss.measure(answers.counts) == pytest.approx(-np.log(answers.of_truth).mean())


def test_the_loss_of_a_class_is_the_mean_over_its_examples(nobody_knows):
    assert loss.measure(nobody_knows) == pytest.approx(2.3 / 4)
    assert loss.by_true_class(nobody_knows).tolist() == pytest.approx([0.1, 0, 2])


def test_the_loss_is_the_mean_by_the_weights_of_the_examples(nobody_knows):
    nobody_knows.weight = np.array([0.5, 0, 4.0])
    assert loss.measure(nobody_knows) == pytest.approx(2.3 / 4.5)
    assert loss.by_true_class(nobody_knows).tolist() == pytest.approx([0.6, 0, 0.5])
    nobody_knows.weight = np.zeros(3)
    assert np.isnan(loss.measure(nobody_knows))
