"""Loading threads have a lower priority than the thread that takes the batches."""

import os
import sys
import threading

import pytest

from components.trainer.input.function import input_function
from components.trainer.input.threads import giving_way
from components.usable_cores import usable_cores
from tests.components.trainer.input.conftest import fed

SHAPE = (4, 3, 3)
LOWEST = 19

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux gives each thread a priority of its own"
)


@pytest.fixture
def dataset(write_shards):
    shards = write_shards(40)
    return fed(input_function, shards, SHAPE, 8, training=True, seed=7, strategy="memory").dataset


def threads_at(priority: int) -> set[int]:
    threads = map(int, os.listdir("/proc/self/task"))
    return {t for t in threads if os.getpriority(os.PRIO_PROCESS, t) == priority}


def test_only_loading_threads_get_the_lowest_priority(dataset):
    before = threads_at(LOWEST)
    others = set(map(int, os.listdir("/proc/self/task"))) - before
    mine = threading.get_native_id()
    own = os.getpriority(os.PRIO_PROCESS, mine)  # 0, or as `nice make test` has it
    batches = giving_way(dataset)
    next(batches)
    assert len(threads_at(LOWEST) - before) >= usable_cores()
    assert not threads_at(LOWEST) & others
    assert os.getpriority(os.PRIO_PROCESS, mine) == own


def test_batches_and_their_order_stay_the_same(dataset, numbers):
    taken = dataset.take(12)
    given = [labels.numpy().tolist() for _, labels in giving_way(taken)]
    assert given == numbers(taken)


@pytest.mark.slow
def test_an_empty_dataset_yields_nothing(dataset):
    assert list(giving_way(dataset.take(0))) == []
