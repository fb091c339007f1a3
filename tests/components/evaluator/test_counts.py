"""Counts add up to the same, however the examples are shared out."""

import itertools
import json
import pickle
import tracemalloc

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from components.evaluator.counts import SplitCounts
from components.evaluator.example_weights import weights_of
from components.evaluator.plan import ShardBatch
from components.evaluator.reading import read_confusion
from failures import Failure
from metrics import accuracy, loss
from settings.data import Features

CLASSES = 4


def counted(examples):
    """Counts of (label, probability of each class) pairs; label CLASSES is in no vocabulary."""
    counts = SplitCounts.zeros(["m"], CLASSES)
    if examples:
        labels = np.array([label for label, _ in examples])
        weights = np.array([weights for _, weights in examples], float)
        probabilities = weights / weights.sum(axis=1, keepdims=True)
        counts.models["m"].add(labels, probabilities.argmax(axis=1), probabilities)
    return counts


_weights = st.lists(st.integers(1, 9), min_size=CLASSES, max_size=CLASSES)
_examples = st.lists(st.tuples(st.integers(0, CLASSES), _weights), max_size=12)


@given(_examples, st.lists(st.integers(0, 12), max_size=3))
def test_shards_add_up_to_the_whole(examples, cuts):
    edges = [0, *sorted(cuts), len(examples)]
    total = counted([])
    for a, b in itertools.pairwise(edges):
        total += counted(examples[a:b])
    whole, added = counted(examples).models["m"], total.models["m"]
    assert (added.confusion != whole.confusion).nnz == 0
    np.testing.assert_array_equal(added.top, whole.top)
    np.testing.assert_allclose(added.loss, whole.loss)
    np.testing.assert_allclose(added.reliability, whole.reliability)
    assert whole.reliability[:, 0].sum() == len(examples)
    assert whole.confusion.sum() == len(examples)


def test_sums_are_the_same_in_batches_of_any_size():
    chance = np.random.default_rng(0)
    labels = chance.integers(0, CLASSES + 1, 300)
    probabilities = chance.dirichlet(np.ones(CLASSES), 300)
    weights = chance.random(300)

    def summed(size):
        counts = SplitCounts.zeros(["m"], CLASSES)
        for start in range(0, 300, size):
            some = slice(start, start + size)
            answers = probabilities[some].argmax(axis=1), probabilities[some]
            counts.models["m"].add(labels[some], *answers, weights[some])
        return counts.to_json()

    assert summed(7) == summed(128) == summed(300)


def test_a_loss_is_weighted_and_the_answers_are_counted_once():
    counts, pixels = (SplitCounts.zeros(["m"], 2).models["m"] for _ in range(2))
    likely = np.array([[0.25, 0.75], [0.5, 0.5], [0.9, 0.1]])
    labels, weights = np.array([1, 0, 1]), np.array([2.0, 0.0, 0.5])
    losses = counts.add(labels, likely.argmax(axis=1), likely, weights)
    np.testing.assert_allclose(losses, -np.log([0.75, 0.5, 0.1]))
    np.testing.assert_allclose(counts.weight, [0, 2.5, 0])
    assert loss.measure(counts) == pytest.approx((weights * losses).sum() / 2.5)
    assert accuracy.measure(counts) == pytest.approx(2 / 3)
    pixels.add_pixels(labels, labels, np.array([0.75, 0.5, 0.1]), weight=3.0)
    assert loss.measure(pixels) == pytest.approx(losses.mean())
    assert pixels.weight.sum() == 9


def test_an_example_without_a_weight_is_named():
    features = Features(weight_feature="importance")
    with_weight, without = tf.train.Example(), tf.train.Example()
    with_weight.features.feature["importance"].float_list.value.append(1.5)
    records = [with_weight.SerializeToString()] * 2
    weights = weights_of(ShardBatch("a/shard", range(2), records), features)
    assert weights.tolist() == [1.5, 1.5]
    records.append(without.SerializeToString())
    with pytest.raises(Failure, match=r"record 9 of a/shard has \[\] as weight_feature"):
        weights_of(ShardBatch("a/shard", range(7, 10), records), features)


@pytest.mark.slow
def test_memory_grows_with_the_pairs_that_occur_not_with_the_square_of_the_classes(tmp_path):
    classes = 21_841  # whose whole matrix takes 3.8 GB
    labels, predicted = np.arange(0, classes, 1000), np.arange(7, classes, 1000)
    probabilities = np.full((len(labels), classes), 1 / classes, np.float32)
    tracemalloc.start()
    counts = SplitCounts.zeros(["challenger", "champion"], classes)
    for model in counts.models.values():
        model.add(labels, predicted, probabilities)
    (tmp_path / "counts.json").write_text(pickle.loads(pickle.dumps(counts)).to_json())
    (tmp_path / "class_names.json").write_text(json.dumps([f"{n}" for n in range(classes)]))
    confusion = read_confusion(tmp_path)
    rows = confusion.classes
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (rows[1000].actual, rows[1007].predicted) == (1, 1)
    assert len(confusion.mistakes()) == len(labels)
    assert peak < 64 * 2**20
