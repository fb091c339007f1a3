"""What is predicted of each input strategy, from costs that are known."""

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.trainer.input_plan.plan import Plan, Stage, duration
from components.trainer.input_plan.prediction import Consumer, Costs, pick, predict, warning

STEPS, EPOCHS, CORES = 100, 10, 2
MEMORY = Costs("memory", 20.0, 0.1, 50_000.0, 0.00004, 9_000_000_000, 0)
DISK = Costs("disk", 30.0, 0.2, 10_000.0, 0.0001, 160_000_000, 9_100_000_000)
STREAMING = Costs("streaming", 0.1, 0.4, 1_000.0, 0.002, 256_000_000, 0)
ALL = (MEMORY, DISK, STREAMING)
QUICK = Consumer(100, 0.05)  # takes 2,000 images/s, without the processor
SLOW = Consumer(100, 0.2)  # takes 500


def forecasts(consumer, epochs=EPOCHS, costs=ALL):
    return [predict(one, consumer, STEPS, epochs, CORES) for one in costs]


def test_an_input_at_half_the_rate_of_the_model_makes_it_wait_half_the_time():
    later = predict(STREAMING, QUICK, STEPS, EPOCHS, CORES).later_epochs
    assert later.wait == pytest.approx(0.5)
    assert later.images_per_second == pytest.approx(1_000)


def test_an_input_that_is_quicker_than_the_model_never_makes_it_wait():
    later = predict(STREAMING, SLOW, STEPS, EPOCHS, CORES).later_epochs
    assert later.wait == 0
    assert later.images_per_second == pytest.approx(500)


def test_the_first_epoch_waits_for_the_store_to_be_filled_and_later_ones_do_not():
    found = predict(MEMORY, QUICK, STEPS, EPOCHS, CORES)
    assert found.first_epoch.wait == pytest.approx(20.1 / 25.1)
    assert found.first_epoch.images_per_second == pytest.approx(10_000 / 25.1)
    assert found.later_epochs.wait == 0
    assert found.seconds == pytest.approx(25.1 + 9 * 5)


def test_each_core_has_loaded_a_batch_by_the_time_of_the_first():
    first = predict(STREAMING, QUICK, STEPS, EPOCHS, CORES).first_epoch
    # The first two of 100 come after 0.5 s, the others every 0.1 s; then comes the last step.
    assert first.images_per_second == pytest.approx(10_000 / (0.5 + 98 * 0.1 + 0.05))
    assert first.wait == pytest.approx(1 - 100 * 0.05 / 10.35)


def test_without_anything_to_prepare_the_first_epoch_is_like_the_later_ones():
    ready = dataclasses.replace(DISK, prepare_seconds=0.0, first_batch_seconds=0.0)
    found = predict(ready, SLOW, STEPS, EPOCHS, CORES)
    assert found.first_epoch == found.later_epochs


def test_a_training_of_one_epoch_has_no_later_ones():
    found = predict(STREAMING, QUICK, STEPS, 1, CORES)
    assert found.later_epochs is None
    assert found.usual is found.first_epoch


def test_a_model_on_the_processor_is_slowed_down_by_its_loading():
    busy = Consumer(100, 0.2, core_seconds=0.4)  # both cores, all the time
    later = predict(STREAMING, busy, STEPS, EPOCHS, CORES).later_epochs
    # 0.4 + 0.2 core seconds of work on two cores.
    assert later.images_per_second == pytest.approx(100 / 0.3)
    assert later.wait == 0


def test_a_starved_model_on_the_processor_waits_for_what_was_not_loaded_meanwhile():
    busy = Consumer(100, 0.05, core_seconds=0.1)
    later = predict(STREAMING, busy, STEPS, EPOCHS, CORES).later_epochs
    # 0.1 + 0.2 core seconds on two cores; the step takes twice its time beside the loading.
    assert later.images_per_second == pytest.approx(100 / 0.15)
    assert later.wait == pytest.approx(0.05 / 0.15)


@given(
    rate=st.floats(1, 1e6),
    core_seconds=st.floats(1e-6, 1),
    step=st.floats(1e-4, 10),
    computing=st.floats(0, 20),
    cores=st.integers(1, 64),
)
def test_nothing_is_predicted_that_cannot_be(rate, core_seconds, step, computing, cores):
    costs = dataclasses.replace(STREAMING, images_per_second=rate, core_seconds=core_seconds)
    consumer = Consumer(100, step, computing)
    found = predict(costs, consumer, STEPS, EPOCHS, cores)
    for epoch in (found.first_epoch, found.later_epochs):
        assert 0 <= epoch.wait <= 1
        assert 0 < epoch.images_per_second <= min(rate, consumer.images_per_second) * 1.000001
    assert found.first_epoch.images_per_second <= found.later_epochs.images_per_second


def test_the_total_time_over_all_epochs_decides():
    assert pick(forecasts(QUICK, epochs=1)).strategy == "streaming"
    assert pick(forecasts(QUICK, epochs=20)).strategy == "memory"


def test_of_strategies_within_the_noise_memory_comes_before_disk_and_streaming():
    assert pick(forecasts(SLOW, epochs=100)).strategy == "memory"
    slower = dataclasses.replace(MEMORY, prepare_seconds=600.0)
    assert pick(forecasts(SLOW, 100, (slower, DISK, STREAMING))).strategy == "disk"


def test_what_is_not_possible_is_never_chosen():
    without = dataclasses.replace(MEMORY, refused="9.0 GB exceed half of the free memory")
    assert pick(forecasts(QUICK, 20, (without, DISK, STREAMING))).strategy == "disk"


def warned(*costs, consumer=QUICK, epochs=EPOCHS):
    return warning(costs, consumer, STEPS, epochs, CORES, max_wait=0.05)


def test_nothing_is_said_where_a_strategy_reaches_the_model():
    assert warned(*ALL) is None


def test_where_no_strategy_reaches_the_model_the_warning_says_what_would():
    small = dataclasses.replace(MEMORY, refused="9.0 GB exceed 4.0 GB")
    full = dataclasses.replace(DISK, refused="there is no cache_dir for the disk")
    said = warned(small, full, STREAMING)
    assert "with streaming it gets 1,000 of the 2,000 images/s" in said
    assert "waits 50% of the time" in said
    assert "4 cores instead of 2" in said
    assert "a tf.data service of 2 workers like this machine" in said
    assert "9.0 GB of memory" in said
    assert "a disk cache: 9.1 GB" in said
    assert "smaller stored images, of 71% of the height and width" in said


def test_more_cores_are_not_advised_where_the_cores_are_idle():
    waiting = dataclasses.replace(STREAMING, core_seconds=0.0001)  # for a disk or a network
    assert "cores" not in warned(waiting)
    assert "data service" not in warned(waiting)


def test_no_room_is_advised_for_what_would_not_reach_the_model_either():
    slow = dataclasses.replace(DISK, images_per_second=1_100.0, refused="there is no cache_dir")
    assert "disk" not in warned(slow, STREAMING)


def test_a_plan_is_read_as_it_was_kept():
    plan = Plan(
        "memory",
        "the quickest",
        seconds=4.0,
        cores=CORES,
        examples=10_000,
        row_bytes=150_528,
        epochs=EPOCHS,
        consumer=QUICK,
        stages=(Stage("read", 9_000.0), Stage("decode", 1_700.0)),
        forecasts=tuple(forecasts(QUICK)),
    )
    assert Plan.from_content(json.loads(json.dumps(plan.content()))) == plan
    assert plan.chosen.strategy == "memory"


def test_the_lines_of_a_plan_name_every_strategy_and_why_one_is_not_possible():
    refused = dataclasses.replace(DISK, refused="there is no cache_dir for the disk")
    found = tuple(forecasts(QUICK, costs=(MEMORY, refused, STREAMING)))
    plan = Plan("memory", "because", "No more.", 4.0, 2, 10, 5, 10, QUICK, (), found)
    text = "\n".join(plan.lines())
    for words in (
        "2,000 images/s, 50.0 ms for a step of 100",
        "memory     first epoch 398 images/s, waits 80.1%; later 2,000 images/s, waits 0.0%",
        "9.0 GB of memory",
        "not possible: there is no cache_dir for the disk",
        "because",
        "No more.",
    ):
        assert words in text


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.25, "0.2 s"), (61, "1 min 1 s"), (3_600, "1 h 0 min")]
)
def test_durations_are_written_for_people(seconds, words):
    assert duration(seconds) == words
