"""Counts add up to the same, however the examples are shared out."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from components.evaluator.counts import Counts, total

CLASSES = 4


def counted(examples):
    """Counts of (label, probability of each class) pairs; label CLASSES is in no vocabulary."""
    counts = Counts.zeros(["m"], CLASSES)
    if examples:
        labels = np.array([label for label, _ in examples])
        weights = np.array([weights for _, weights in examples], float)
        probabilities = weights / weights.sum(axis=1, keepdims=True)
        counts.models["m"].add(labels, probabilities.argmax(axis=1), probabilities)
    return counts


_weights = st.lists(st.integers(1, 9), min_size=CLASSES, max_size=CLASSES)
_examples = st.lists(st.tuples(st.integers(0, CLASSES), _weights), max_size=12)


@given(_examples, st.lists(st.integers(0, 12), max_size=3))
def test_shards_add_up_to_the_whole_and_survive_being_written(examples, cuts):
    edges = [0, *sorted(cuts), len(examples)]
    shards = [counted(examples[a:b]) for a, b in itertools.pairwise(edges)]
    written = [Counts.from_json(shard.to_json()) for shard in shards]
    whole, added = counted(examples).models["m"], total(written).models["m"]
    np.testing.assert_array_equal(added.confusion, whole.confusion)
    np.testing.assert_array_equal(added.top, whole.top)
    np.testing.assert_allclose(added.loss, whole.loss)
    assert whole.confusion.sum() == len(examples)
