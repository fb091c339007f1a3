"""The F1 over all classes together, and of images with any number of classes the other metrics."""

import numpy as np
import pytest
from sklearn.metrics import (
    accuracy_score,
    f1_score,
    log_loss,
    precision_score,
    recall_score,
)

from metrics import (
    accuracy,
    f1,
    loss,
    macro_f1,
    macro_precision,
    macro_recall,
    micro_f1,
    precision,
    recall,
    worst_class_recall,
)
from metrics.counts import LabelCounts


def test_micro_f1_is_what_scikit_learn_computes(labelled):
    expected = f1_score(labelled.truth, labelled.predicted, average="micro")
    assert micro_f1.measure(labelled.counts) == pytest.approx(expected, abs=1e-12)


def test_micro_f1_is_0_without_any_label_and_answer():
    none = np.zeros(3, int)
    assert micro_f1.measure(LabelCounts(none, none, none)) == 0


@pytest.mark.parametrize(
    ("metric", "score"), [(f1, f1_score), (precision, precision_score), (recall, recall_score)]
)
def test_the_scores_of_each_class_are_what_scikit_learn_computes(metric, score, labelled):
    expected = score(labelled.truth, labelled.predicted, average=None, zero_division=0)
    assert metric.measure(labelled.counts) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("metric", "score"),
    [
        (macro_f1, f1_score),
        (macro_precision, precision_score),
        (macro_recall, recall_score),
    ],
)
def test_means_are_what_scikit_learn_computes_of_the_classes_that_occur(metric, score, labelled):
    expected = score(labelled.truth[:, :-1], labelled.predicted[:, :-1], average="macro")
    assert metric.measure(labelled.counts) == pytest.approx(expected, abs=1e-6)


def test_accuracy_counts_the_images_whose_classes_are_all_right(labelled):
    expected = accuracy_score(labelled.truth, labelled.predicted)
    assert accuracy.measure(labelled.counts) == pytest.approx(expected, abs=1e-12)
    recalls = recall_score(labelled.truth[:, :-1], labelled.predicted[:, :-1], average=None)
    assert worst_class_recall.measure(labelled.counts) == pytest.approx(recalls.min(), abs=1e-12)


def test_the_loss_is_the_mean_log_loss_of_the_classes(labelled):
    truth, scores = labelled.truth.astype(int), np.clip(labelled.scores.astype(float), 1e-7, 1)
    each = [
        log_loss(truth[:, i], np.minimum(scores[:, i], 1 - 1e-7), labels=[0, 1]) for i in range(12)
    ]
    assert loss.measure(labelled.counts) == pytest.approx(np.mean(each), abs=1e-5)
