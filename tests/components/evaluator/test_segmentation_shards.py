"""Pixels count the same however the images are cut into shards and batches."""

from functools import partial

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix

from components.evaluator.count_shard import CountShard
from components.evaluator.counts import SplitCounts
from components.evaluator.plan import ModelPlace, Plan
from settings.data import Features
from tests.components.evaluator.shade_model import (
    GROUND,
    MASKS,
    by_hand,
    example,
    pictures,
    png,
    save_shade_model,
)


@pytest.fixture(scope="module")
def grounds(tmp_path_factory):
    """A saved model of GROUND that takes land for sea."""
    folder = tmp_path_factory.mktemp("grounds") / "model"
    save_shade_model(folder, GROUND, answers=[0, 1, 1])
    return ModelPlace("challenger", str(folder), "")


@pytest.fixture(scope="module")
def count(grounds, tmp_path_factory):
    """Counts pictures as one shard or several, in batches of any size."""
    plan = partial(Plan, (grounds,), GROUND, "test", Features(**MASKS), False)
    folder = tmp_path_factory.mktemp("shards")
    loaded = {size: CountShard(plan(batch_size=size)) for size in (1, 3, 64)}

    def counted(*shards, batch_size=64):
        counts = SplitCounts.zeros(["challenger"], len(GROUND))
        for number, shard in enumerate(shards):
            file = str(folder / f"{number}")
            with tf.io.TFRecordWriter(file) as writer:
                for image, mask in shard:
                    writer.write(example(png(image), png(mask)))
            counts += loaded[batch_size](file)
        return counts

    return counted


@pytest.mark.slow
@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 20), st.integers(0, 20), st.sampled_from([1, 3, 64]))
def test_random_masks_count_the_same_in_shards_and_in_one_pass(count, seed, number, cut, batch):
    made = pictures(number, seed)
    whole = count(made)
    parts = count(made[:cut], made[cut:], batch_size=batch)
    truth, predicted, _ = by_hand(made)
    predicted = np.minimum(predicted, 1)
    expected = confusion_matrix(truth, predicted, labels=range(3))
    for counts in (whole, parts):
        assert counts.examples == number
        model = counts.models["challenger"]
        np.testing.assert_array_equal(model.confusion.toarray()[:-1], expected)
        assert model.by_label[-1] == 0
    np.testing.assert_allclose(
        parts.models["challenger"].loss, whole.models["challenger"].loss, rtol=1e-6
    )
    # The shards' files differ, and the digests do not.
    assert [rank[1] for rank, _ in parts.worst] == [rank[1] for rank, _ in whole.worst]
    assert [one.pictures for _, one in parts.worst] == [one.pictures for _, one in whole.worst]
