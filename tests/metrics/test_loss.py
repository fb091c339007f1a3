"""The mean cross-entropy."""

import numpy as np
import pytest

from metrics import loss


def test_loss_is_the_mean_over_all_labels(answers):
    assert loss.measure(answers.counts) == pytest.approx(-np.log(answers.of_truth).mean())


def test_the_loss_of_a_class_is_the_mean_over_its_examples(nobody_knows):
    assert loss.measure(nobody_knows) == pytest.approx(2.3 / 4)
    assert loss.by_true_class(nobody_knows).tolist() == pytest.approx([0.1, 0, 2])
