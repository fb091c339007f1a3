"""Work on many items is the same in threads and in processes of this machine."""

import itertools
import os
import signal
import time

import pytest

from components import in_parallel
from components.in_parallel import in_processes, in_threads
from components.usable_cores import usable_cores
from failures import Failure
from tests.components import shard_work

on_each_way = pytest.mark.parametrize("spread", [in_threads, in_processes])


@on_each_way
def test_results_come_in_the_order_of_the_items(spread):
    assert list(spread(shard_work.double, range(20), 2)) == list(range(0, 40, 2))


@on_each_way
def test_the_first_failure_in_the_order_of_the_items_is_the_one_that_counts(spread):
    with pytest.raises(Failure, match=r"^3 is odd\. Take another one\.$"):
        list(spread(shard_work.refuse_odd, [2, 3, 4, 5], 2))


@on_each_way
def test_items_are_taken_only_a_few_ahead_of_the_results(spread):
    items = iter(range(1000))
    results = spread(shard_work.double, items, 2)
    assert list(itertools.islice(results, 3)) == [0, 2, 4]
    results.close()
    assert next(items) <= 3 + 2 * 2 + 1


def test_processes_share_the_cores_that_this_one_may_use():
    share = max(1, -(-usable_cores() // 2))
    assert list(in_processes(shard_work.cores_of, range(4), 2)) == [share] * 4


def test_processes_leave_the_gpus_to_this_one(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    assert list(in_processes(shard_work.gpus_of, range(2), 2)) == [[], []]


def test_a_killed_process_is_reported_in_one_line():
    with pytest.raises(Failure, match=r"^A worker process \d+ was killed by signal 9, .*\.$"):
        list(in_processes(shard_work.end_by, [signal.SIGKILL], 2))


class Unreadable:
    """Can be pickled, and not read again."""

    def __reduce__(self):
        return os.path.join, (1, 2)


def test_a_process_that_ends_at_the_start_is_reported_in_one_line():
    with pytest.raises(Failure, match=r"^A worker process \d+ ended with exit code 1, .*\.$"):
        list(in_processes(Unreadable(), [1], 1))


def test_no_process_outlives_the_work(started_works):
    results = in_processes(shard_work.own_number, range(10), 2)
    numbers = {next(results), next(results)}
    results.close()
    assert len(started_works) == 2
    for number in numbers:
        with pytest.raises(ProcessLookupError):
            os.kill(number, 0)


def test_a_failure_waits_for_no_other_work(tmp_path):
    began = time.monotonic()
    with pytest.raises(Failure, match=r"^1 is odd"):
        list(in_processes(shard_work.refuse_odd_and_sleep_else, [1, 2], 2))
    assert time.monotonic() - began < shard_work.LONG / 2


@pytest.mark.parametrize(
    ("much", "number", "processes"), [(True, 4, 4), (True, 1, 0), (False, 4, 0)]
)
def test_only_much_work_on_several_cores_is_worth_processes(much, number, processes, cores):
    cores(number)
    assert in_parallel.processes_if(much) == processes
