"""Labels and answers of images, of 12 classes, and what is counted of them."""

from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from metrics.counts import Counts, LabelCounts

CLASSES = 12


@pytest.fixture(scope="session")
def answers():
    """True and predicted classes (300,), the probabilities of the true ones, and the counts."""
    chance = np.random.default_rng(0)
    truth = np.concatenate([np.arange(CLASSES), chance.integers(0, CLASSES, 288)])
    wrong = chance.integers(0, CLASSES - 1, 300)  # class 11 is answered only where it is true
    predicted = np.where(chance.random(300) < 0.6, truth, wrong)
    of_truth = chance.uniform(0.1, 1, 300)
    among_five = (predicted == truth) | (chance.random(300) < 0.5)
    confusion = np.zeros((CLASSES + 1, CLASSES), int)
    confusion[:-1] = confusion_matrix(truth, predicted, labels=range(CLASSES))
    counts = Counts(
        confusion,
        np.bincount(truth, -np.log(of_truth), CLASSES + 1),
        np.bincount(truth, among_five, CLASSES + 1).astype(int),
    )
    precision, recall, f1, _ = precision_recall_fscore_support(truth, predicted)
    return SimpleNamespace(
        truth=truth, predicted=predicted, of_truth=of_truth, among_five=among_five,
        counts=counts, precision=precision, recall=recall, f1=f1,
    )  # fmt: skip


@pytest.fixture
def nobody_knows():
    """Three images of class 0 in the vocabulary (a, b), and one whose label is not in it."""
    return Counts(np.array([[2, 1], [0, 0], [1, 0]]), np.array([0.3, 0, 2.0]), np.array([3, 0, 0]))


@pytest.fixture(scope="session")
def labelled():
    """Images with any number of classes, of which the last never occurs: which ones are true and
    predicted, (200, 12) bool, the probabilities, many of which are equal, and the counts."""
    chance = np.random.default_rng(1)
    truth = chance.random((200, CLASSES)) < 0.3
    truth[:, -1] = False
    scores = np.round(np.clip(chance.normal(0.4 + 0.3 * truth, 0.25), 0, 1), 2).astype(np.float32)
    predicted = scores >= 0.5
    losses = -np.log(np.clip(np.where(truth, scores, 1 - scores), 1e-7, 1))
    counts = LabelCounts(
        (truth & predicted).sum(axis=0),
        predicted.sum(axis=0),
        truth.sum(axis=0),
        total=200,
        correct=int((truth == predicted).all(axis=1).sum()),
        loss=losses.sum(axis=0) / CLASSES,
        weight=np.full(CLASSES, 200 / CLASSES),
        answers=[(scores[:70], truth[:70]), (scores[70:], truth[70:])],
    )
    return SimpleNamespace(truth=truth, predicted=predicted, scores=scores, counts=counts)
