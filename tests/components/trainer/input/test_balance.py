"""Balanced sampling: how often each class and each example comes, and that it can be resumed."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from components.trainer.input.balance import Balance
from components.trainer.input.features import Feature
from components.trainer.input.function import input_function
from components.trainer.input.options import FeedOptions, Workers
from failures import Failure

LABELS = st.lists(st.integers(-1, 5), min_size=1, max_size=60).filter(lambda some: max(some) >= 0)


@given(LABELS, st.integers(1, 90), st.integers(0, 2**31 - 1), st.integers(1, 7))
def test_classes_and_the_examples_of_each_come_equally_often(labels, total, seed, epochs):
    balance = Balance(np.array(labels, np.int64), total)
    drawn = np.concatenate([balance.numbers(seed, epoch) for epoch in range(epochs)])
    assert len(drawn) == epochs * total
    times = np.bincount(drawn, minlength=len(labels))
    of_class = [times[balance.labels == label] for label in sorted(set(labels) - {-1})]
    totals = [part.sum() for part in of_class]
    assert max(totals) - min(totals) <= 1
    assert all(part.max() - part.min() <= 1 for part in of_class)
    assert not times[balance.labels < 0].any()


def test_every_epoch_and_every_seed_has_an_order_of_its_own_that_never_changes():
    balance = Balance(np.repeat([0, 1], [90, 10]), 100)
    orders = [balance.numbers(seed, epoch) for seed in (3, 4) for epoch in (0, 1)]
    assert len({tuple(order) for order in orders}) == 4
    again = Balance(np.repeat([0, 1], [90, 10]), 100)
    np.testing.assert_array_equal(orders[3], again.numbers(4, 1))
    # As it was when this was written: a resumed training must find the same order.
    assert orders[0][:6].tolist() == [99, 2, 88, 93, 96, 13]


@pytest.fixture(scope="module")
def skewed(tmp_path_factory, write_in_shards, transformed_record):
    """Files of 40 examples, of which 3 are of class 1; the pixels are the example's number."""
    folder = tmp_path_factory.mktemp("skewed") / "train"
    labels = [int(number in (5, 17, 30)) for number in range(40)]
    records = [
        transformed_record(bytes([number] * 4), label) for number, label in enumerate(labels)
    ]
    write_in_shards(folder, records, shards=3)
    return sorted(map(str, folder.iterdir()))


def fed(files, batch_size=8, training=True, **options):
    given = FeedOptions(seed=3, balanced=True, **options)
    return input_function(files, (2, 2, 1), batch_size, training=training, options=given)


def batches_of(found, count):
    return [
        (images.numpy()[:, 0, 0, 0].tolist(), labels.numpy().tolist())
        for images, labels in found.dataset.take(count)
    ]


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["memory", "disk"])
def test_an_epoch_of_any_strategy_has_both_classes_equally_often(skewed, tmp_path, strategy):
    found = batches_of(fed(skewed, strategy=strategy, cache_dir=str(tmp_path)), 5)
    numbers, labels = (np.concatenate(part) for part in zip(*found, strict=True))
    assert labels.sum() == 20
    np.testing.assert_array_equal(labels, np.isin(numbers, (5, 17, 30)))
    memory = batches_of(fed(skewed, strategy="memory"), 5)
    assert found == memory


@pytest.mark.parametrize("batch_size", [7, 16])
def test_examples_that_fill_no_batch_are_missing_from_no_class(skewed, batch_size):
    steps = 40 // batch_size
    found = batches_of(fed(skewed, batch_size, strategy="memory"), 3 * steps)
    numbers, labels = (np.concatenate(part) for part in zip(*found, strict=True))
    assert abs(labels.sum() - (labels == 0).sum()) <= 1
    times = np.bincount(numbers, minlength=40)
    rare = np.isin(np.arange(40), (5, 17, 30))
    assert np.ptp(times[rare]) <= 1
    assert np.ptp(times[~rare]) <= 1


@pytest.mark.slow
@pytest.mark.parametrize("step", [1, 5, 7])
def test_a_resumed_input_goes_on_with_the_same_examples(skewed, tmp_path, step):
    whole = batches_of(fed(skewed, strategy="memory"), 10)
    for strategy in ("memory", "disk"):
        on = fed(skewed, strategy=strategy, first_step=step, cache_dir=str(tmp_path))
        assert batches_of(on, 10 - step) == whole[step:]


@pytest.mark.slow
def test_two_workers_share_every_balanced_batch(skewed):
    whole = batches_of(fed(skewed, strategy="memory"), 5)
    shares = [
        batches_of(fed(skewed, strategy="memory", workers=Workers(rank, 2)), 5) for rank in (0, 1)
    ]
    for batch, one, other in zip(whole, *shares, strict=True):
        assert sorted(batch[0]) == sorted(one[0] + other[0])


def test_the_validation_is_never_balanced(skewed):
    [(numbers, _)] = batches_of(fed(skewed, 40, training=False, strategy="memory"), 1)
    assert sorted(numbers) == list(range(40))


def test_streaming_cannot_be_balanced_and_says_what_can(skewed):
    with pytest.raises(Failure, match="input strategy to memory or disk"):
        fed(skewed, strategy="streaming")


def test_without_any_class_there_is_nothing_to_balance(
    tmp_path, write_in_shards, transformed_record
):
    write_in_shards(tmp_path / "train", [transformed_record(bytes(4), -1)] * 8, shards=1)
    with pytest.raises(Failure, match="no example of any class"):
        fed(list(map(str, (tmp_path / "train").iterdir())), strategy="memory")


def test_masks_cannot_be_balanced(skewed):
    with pytest.raises(Failure, match="one label"):
        input_function(
            skewed,
            (2, 2, 1),
            8,
            training=True,
            target=Feature("image", (2, 2, 1), "uint8"),
            options=FeedOptions(seed=3, balanced=True, strategy="memory"),
        )


def test_the_batches_keep_their_static_size(skewed):
    images, labels = fed(skewed, strategy="memory").element_spec
    assert (images.shape, labels.dtype) == ((8, 2, 2, 1), tf.int64)
