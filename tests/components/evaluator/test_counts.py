"""Counts add up to the same, however the examples are shared out."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from components.evaluator.counts import SplitCounts
from components.evaluator.worst_examples import WorstExample
from components.transform.corrupt_images import CorruptImage

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


@given(_examples, st.binary(max_size=20), st.floats(0, 9))
def test_counts_travel_from_a_worker_as_text_with_the_worst_examples_pictures(
    examples, picture, badness
):
    counts = counted(examples)
    counts.examples = len(examples)
    counts.corrupt = [CorruptImage("test", "a file", 3, "not an image")]
    facts = {"true": "cat", "probability": badness}
    counts.worst = [WorstExample(badness, "a digest", "a file", 7, facts, {"image": picture})]

    arrived = SplitCounts.from_text(counts.as_text())

    assert arrived.as_text() == counts.as_text()
    assert (arrived.worst, arrived.corrupt) == (counts.worst, counts.corrupt)
    np.testing.assert_array_equal(arrived.models["m"].confusion, counts.models["m"].confusion)
