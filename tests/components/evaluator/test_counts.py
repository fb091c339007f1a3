"""Counts add up to the same, however the examples are shared out."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from components.evaluator.counts import SplitCounts

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
    np.testing.assert_array_equal(added.confusion, whole.confusion)
    np.testing.assert_array_equal(added.top, whole.top)
    np.testing.assert_allclose(added.loss, whole.loss)
    assert whole.confusion.sum() == len(examples)
