"""Batches from transformed Examples, by each strategy."""

import itertools
import time

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from components.trainer.input import function
from components.trainer.input.features import Feature
from components.trainer.input.function import input_function
from failures import Failure
from tests.components.trainer.input.conftest import fed

SHAPE = (4, 3, 3)
STRATEGIES = ("memory", "disk", "streaming")


@pytest.fixture(scope="module")
def forty(write_shards):
    return write_shards(40)


@pytest.fixture
def batches_of(tmp_path):
    """input_function with this test's shape and a cache folder of its own."""

    def make(files, batch_size=8, **arguments):
        arguments = {"training": True, "cache_dir": str(tmp_path / "cache"), **arguments}
        return fed(input_function, files, SHAPE, batch_size, **arguments)

    return make


@pytest.mark.slow
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_epoch_has_every_example_once_in_a_new_order(strategy, forty, batches_of, numbers):
    made = batches_of(forty, strategy=strategy, seed=7)
    assert (made.strategy, made.examples, made.steps_per_epoch) == (strategy, 40, 5)
    read = numbers(made.dataset.take(15))
    epochs = [list(itertools.chain(*read[start : start + 5])) for start in (0, 5, 10)]
    assert all(sorted(epoch) == list(range(40)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 3


@pytest.mark.slow
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_another_seed_gives_other_batches(strategy, forty, batches_of, digest):
    one, other = (
        digest(batches_of(forty, strategy=strategy, seed=seed).dataset, 12) for seed in (7, 8)
    )
    assert one != other


@pytest.fixture
def global_seed():
    """Sets Keras's and TensorFlow's own seed; what it was is put back."""
    before = tf.random.get_global_generator(), tf.compat.v1.random.get_seed(None)[0]
    yield keras.utils.set_random_seed
    tf.random.set_global_generator(before[0])
    tf.compat.v1.set_random_seed(before[1])


@pytest.mark.slow
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_seed_gives_the_same_batches_whatever_the_global_one_is(
    strategy, forty, batches_of, digest, global_seed
):
    found = set()
    for seed in (0, 2**31 - 1):
        global_seed(seed)
        found.add(digest(batches_of(forty, strategy=strategy, seed=7).dataset, 12))
    assert len(found) == 1


@pytest.mark.slow
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_an_endless_input_is_known_to_be_endless(strategy, forty, batches_of):
    for first_step in (0, 7):
        made = batches_of(forty, strategy=strategy, seed=7, first_step=first_step)
        assert made.dataset.cardinality() == tf.data.INFINITE_CARDINALITY


@pytest.mark.slow
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_recording_load_times_does_not_change_the_batches(strategy, forty, batches_of, digest):
    arguments = {"strategy": strategy, "seed": 7, "first_step": 3}
    plain, timed = (batches_of(forty, timed=timed, **arguments) for timed in (False, True))
    assert timed.element_spec == plain.element_spec
    before = time.perf_counter()
    assert digest(timed.dataset, 12) == digest(plain.dataset, 12)
    assert plain.load_times is None
    steps, starts, ends = timed.load_times.last().T
    assert set(range(4, 16)) <= set(steps.astype(int))
    assert len(set(steps)) == len(steps)
    assert (before - 0.01 <= starts).all()  # The other clock counts microseconds and is set.
    assert (starts <= ends).all()
    assert (ends <= time.perf_counter() + 0.01).all()


@pytest.mark.slow
def test_without_a_seed_every_run_has_its_own_order(forty, batches_of, digest):
    assert digest(batches_of(forty).dataset, 5) != digest(batches_of(forty).dataset, 5)


@pytest.mark.slow
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_training_batches_have_static_shapes(strategy, forty, batches_of):
    images, labels = batches_of(forty, strategy=strategy).element_spec
    assert images == tf.TensorSpec((8, *SHAPE), tf.uint8)
    assert labels == tf.TensorSpec((8,), tf.int64)


@pytest.mark.slow
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_evaluation_reads_each_example_once_in_a_fixed_order(strategy, forty, batches_of, numbers):
    made = batches_of(forty, batch_size=16, training=False, strategy=strategy)
    read = numbers(made.dataset)
    assert [len(batch) for batch in read] == [16, 16, 8]
    assert sorted(itertools.chain(*read)) == list(range(40))
    assert made.steps_per_epoch == 3
    assert numbers(made.dataset) == read


@pytest.mark.slow
@settings(max_examples=12, deadline=None)
@given(
    examples=st.integers(1, 60),
    shards=st.integers(1, 4),
    batch_size=st.integers(1, 70),
    strategy=st.sampled_from(("memory", "streaming")),
    drop_remainder=st.booleans(),
    seed=st.integers(0, 2**31 - 1),
)
def test_an_epoch_is_a_permutation_for_all_sizes(
    write_shards, numbers, examples, shards, batch_size, strategy, drop_remainder, seed
):
    files = write_shards(examples, shards)
    arguments = {"training": True, "seed": seed, "strategy": strategy, "repeat": False}
    if drop_remainder and examples < batch_size:
        with pytest.raises(Failure, match="batch size"):
            fed(input_function, files, SHAPE, batch_size, drop_remainder=True, **arguments)
        return
    made = fed(input_function, files, SHAPE, batch_size, drop_remainder=drop_remainder, **arguments)
    read = numbers(made.dataset)
    assert len(read) == made.steps_per_epoch
    flat = list(itertools.chain(*read))
    assert len(set(flat)) == len(flat)
    assert set(flat) <= set(range(examples))
    left_out = examples % batch_size if drop_remainder else 0
    assert len(flat) == examples - left_out


@pytest.mark.slow
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_resumed_training_gets_the_remaining_batches(strategy, forty, batches_of, numbers):
    whole = numbers(batches_of(forty, strategy=strategy, seed=7).dataset.take(16))
    for first_step in (3, 5, 12):
        rest = batches_of(forty, strategy=strategy, seed=7, first_step=first_step)
        assert numbers(rest.dataset.take(16 - first_step)) == whole[first_step:]


@pytest.mark.slow
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_workers_split_the_batches_of_a_single_worker(strategy, forty, batches_of, numbers):
    alone = numbers(batches_of(forty, strategy=strategy, seed=7).dataset.take(8))
    shares = [
        numbers(
            batches_of(forty, strategy=strategy, seed=7, worker=worker, workers=2).dataset.take(8)
        )
        for worker in (0, 1)
    ]
    for batch, first, second in zip(alone, *shares, strict=True):
        assert len(first) == len(second) == 4
        assert sorted(first + second) == sorted(batch)


@pytest.mark.slow
def test_the_same_dataset_serves_fit_and_next_and_numpy(forty, batches_of):
    made = batches_of(forty, seed=7)
    images, labels = next(iter(made.dataset))
    as_numpy = next(made.dataset.as_numpy_iterator())
    np.testing.assert_array_equal(as_numpy[0], images)
    np.testing.assert_array_equal(as_numpy[1], labels)
    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(40)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, jit_compile=False)
    seen = model.fit(made.dataset, steps_per_epoch=made.steps_per_epoch, epochs=2, verbose=0)
    assert len(seen.history["loss"]) == 2


def test_masks_stand_in_the_labels_place(write_shards):
    files = write_shards(12, mask=True)
    made = fed(
        input_function, files, SHAPE, 4, training=False, target=Feature("mask", (4, 3, 1), "uint8")
    )
    for images, masks in made.dataset.as_numpy_iterator():
        assert masks.shape == (4, 4, 3, 1)
        expected = images[:, 0, 0, 0] % 3
        np.testing.assert_array_equal(
            masks, np.broadcast_to(expected[:, None, None, None], masks.shape)
        )


@pytest.mark.slow
def test_small_memory_leads_to_the_disk_and_no_disk_to_streaming(forty, batches_of):
    assert batches_of(forty).strategy == "memory"
    on_disk = batches_of(forty, memory_limit_bytes=1000)
    assert (on_disk.strategy, "exceed the 1.0 kB" in on_disk.reason) == ("disk", True)
    streamed = batches_of(forty, memory_limit_bytes=1000, cache_dir=None)
    assert streamed.strategy == "streaming"
    assert "no cache_dir" in streamed.reason


@pytest.mark.slow
def test_an_iterator_can_be_dropped_in_the_middle(forty, batches_of):
    for strategy in STRATEGIES:
        next(iter(batches_of(forty, strategy=strategy).dataset))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"strategy": "ram"}, "auto, memory, disk, compressed, streaming"),
        ({"strategy": "disk", "cache_dir": None}, "no cache_dir"),
        ({"batch_size": 0}, "batch size is 0"),
        ({"batch_size": 41}, "41 is above the 40 examples"),
        ({"worker": 2, "workers": 2}, "Worker 2 of 2"),
        ({"workers": 3}, "multiple of their number"),
        ({"first_step": -1}, "first step is -1"),
        ({"workers": 2}, "Give all workers the same seed"),
        ({"workers": 2, "seed": 7, "deterministic": False}, "deterministic"),
    ],
)
def test_a_value_out_of_range_is_one_clear_line(arguments, said, forty, batches_of):
    with pytest.raises(Failure, match=said) as failure:
        batches_of(forty, **arguments)
    assert "\n" not in str(failure.value)


@pytest.mark.parametrize("strategy", STRATEGIES)
class TestBadShards:
    def test_none_at_all(self, strategy, batches_of):
        with pytest.raises(Failure, match="no files"):
            batches_of([], strategy=strategy)

    def test_one_that_is_missing(self, strategy, batches_of, tmp_path):
        with pytest.raises(Failure, match=r"gone.*cannot be read"):
            batches_of([str(tmp_path / "gone")], strategy=strategy)

    def test_empty_ones(self, strategy, batches_of, write_shards):
        with pytest.raises(Failure, match="no examples"):
            batches_of(write_shards(0), strategy=strategy)

    def test_another_size_than_asked_for(self, strategy, forty, tmp_path):
        with pytest.raises(Failure, match=r"Record 0 of the shard .*'image' \(4, 4, 3\)"):
            fed(
                input_function,
                forty,
                (4, 4, 3),
                8,
                training=True,
                strategy=strategy,
                cache_dir=str(tmp_path),
            )

    def test_a_feature_that_is_not_there(self, strategy, forty, tmp_path):
        with pytest.raises(Failure, match="'class'"):
            fed(
                input_function,
                forty,
                SHAPE,
                8,
                training=True,
                target=Feature("class"),
                strategy=strategy,
                cache_dir=str(tmp_path),
            )

    def test_a_compressed_one(self, strategy, batches_of, tmp_path):
        path = str(tmp_path / "shard.gz")
        with tf.io.TFRecordWriter(path, "GZIP") as writer:
            writer.write(b"x" * 1000)
        with pytest.raises(Failure, match="is compressed"):
            batches_of([path], strategy=strategy)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("strategy", "harm"),
    [
        ("memory", "flip"),
        ("memory", "cut"),
        ("disk", "flip"),
        ("disk", "cut"),
        ("streaming", "cut"),
    ],
)
def test_a_damaged_shard_is_named_before_training_begins(
    strategy, harm, write_shards, batches_of, tmp_path
):
    files = write_shards(40, shards=2)
    _harm(files[1], harm)
    with pytest.raises(Failure, match=rf"{files[1]} is damaged after \d+ whole records"):
        batches_of(files, strategy=strategy)
    assert not list(tmp_path.glob("cache/*/description.json"))


@pytest.mark.slow
def test_the_source_explains_damage_that_streaming_meets_later(write_shards, batches_of):
    files = write_shards(40, shards=2)
    _harm(files[1], "flip")
    made = batches_of(files, strategy="streaming", repeat=False)
    with pytest.raises(tf.errors.OpError) as error:
        list(made.dataset)
    assert f"{files[1]} is damaged after" in str(made.source.explain(error.value))


def _harm(path: str, harm: str) -> None:
    with open(path, "r+b") as file:
        content = file.read()
        if harm == "cut":
            file.truncate(len(content) - 20)
        else:  # a pixel of the last record
            file.seek(len(content) - 30)
            file.write(bytes([content[len(content) - 30] ^ 255]))


@pytest.mark.parametrize(
    ("strategy", "cores", "gib", "calls"),
    [
        ("memory", 2, 32, 4),
        ("streaming", 16, 128, 16),
        ("memory", 96, 1024, 32),
        ("disk", 96, 1024, 16),
        ("streaming", 64, 48, 64),
        ("streaming", 192, 32, 111),
        ("streaming", 192, 1, 3),
        ("streaming", 192, 0, 2),
    ],
)
def test_as_many_batches_are_made_at_a_time_as_memory_has_room_for(
    strategy, cores, gib, calls, monkeypatch
):
    monkeypatch.setattr(function, "usable_cores", lambda: cores)
    monkeypatch.setattr(function, "free_memory", lambda: gib << 30)
    assert function.batches_at_once(strategy, 512 * 224 * 224 * 3) == calls
