"""A training stopped at any step goes on with other workers, devices or another strategy."""

import dataclasses
import itertools
import random

import pytest
import tensorflow as tf

from components.trainer.checkpoints import Checkpoint, Checkpoints
from components.trainer.devices import in_parts
from components.trainer.input import order
from components.trainer.input.function import input_function
from tests.components.trainer.input.conftest import fed

SHAPE = (4, 3, 3)
EXAMPLES, BATCH = 146, 12  # 12 steps an epoch; two examples fill no batch
STRATEGIES = ("memory", "disk", "compressed", "streaming")
KILLS = 10  # `python -m benchmarks.time_travel` kills processes, fifty times


@pytest.fixture
def small_windows(monkeypatch):
    """Runs of 5 examples, windows of 4 batches."""
    row = 4 * 3 * 3 + 8
    monkeypatch.setattr(order, "_RUN_BYTES", 5 * row)
    monkeypatch.setattr(order, "WINDOW_BYTES", 50 * row)


@dataclasses.dataclass
class Traveller:
    """The inputs of one training, as its processes make them."""

    files: list[str]
    cache: str

    def fed(self, step: int, strategy: str, worker: int = 0, workers: int = 1):
        return fed(
            input_function,
            self.files,
            SHAPE,
            BATCH,
            training=True,
            seed=5,
            strategy=strategy,
            cache_dir=self.cache,
            first_step=step,
            worker=worker,
            workers=workers,
        )

    def steps(self, step: int, count: int, strategy: str, workers: int, devices: int):
        """The numbers of the examples in `count` batches from `step` on, as all devices of all
        workers read them, and what a checkpoint after them keeps."""
        seen = [[] for _ in range(count)]
        for worker in range(workers):
            made = self.fed(step, strategy, worker, workers)
            parts = made.dataset if devices == 1 else in_parts(made.dataset, devices)
            parts = parts.take(count * devices)
            for place, (_, labels) in enumerate(parts.as_numpy_iterator()):
                seen[place // devices] += labels.tolist()
        return seen, {"order": made.order.state(step + count)}


@pytest.fixture
def traveller(write_shards, tmp_path):
    return Traveller(write_shards(EXAMPLES), str(tmp_path / "cache"))


@pytest.mark.slow
@pytest.mark.usefixtures("small_windows")
def test_after_random_kills_every_example_of_every_epoch_has_come_once(traveller, tmp_path):
    chance = random.Random(2)  # It takes every strategy, with any workers and devices.
    checkpoints = Checkpoints(str(tmp_path / "checkpoint"), None, 1e9)
    checkpoints.write(Checkpoint(0, {}, [], []))
    batches = []
    for _ in range(KILLS):
        step = checkpoints.read().step
        kept, lost = chance.randint(1, 9), chance.randint(0, 2)  # after the last checkpoint
        where = chance.choice(STRATEGIES), chance.choice((1, 1, 2, 3)), chance.choice((1, 2))
        seen, state = traveller.steps(step, kept + lost, *where)
        batches += seen[:kept]
        checkpoints.write(Checkpoint(step + kept, state, [], []))
    step = checkpoints.read().step
    batches += traveller.steps(step, -step % 12, "memory", 1, 1)[0]
    epochs = [batches[first : first + 12] for first in range(0, len(batches), 12)]
    flat = [list(itertools.chain(*epoch)) for epoch in epochs]
    assert len(flat) >= 4
    for epoch in flat:
        assert len(epoch) == len(set(epoch)) == EXAMPLES - EXAMPLES % BATCH
    assert len({tuple(epoch) for epoch in flat}) == len(flat)


@pytest.mark.slow
@pytest.mark.usefixtures("small_windows")
def test_every_strategy_and_every_number_of_workers_read_the_same_batches(traveller):
    whole, _ = traveller.steps(7, 18, "memory", 1, 1)
    for strategy, workers in zip(STRATEGIES, (3, 2, 2, 3), strict=True):
        if strategy != "memory":
            assert traveller.steps(7, 18, strategy, 1, 1)[0] == whole
        shared, _ = traveller.steps(7, 18, strategy, workers, 2)
        assert list(map(sorted, shared)) == list(map(sorted, whole))


@pytest.mark.slow
@pytest.mark.usefixtures("small_windows")
def test_every_strategy_evaluates_in_the_sequence_of_the_files(write_shards, tmp_path):
    for strategy in STRATEGIES:
        made = fed(
            input_function,
            write_shards(30),
            SHAPE,
            7,
            training=False,
            strategy=strategy,
            cache_dir=str(tmp_path),
        )
        labels = tf.concat([labels for _, labels in made.dataset], 0).numpy().tolist()
        assert labels == list(range(30))
