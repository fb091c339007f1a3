"""What the plan of a training's input foretells is what happens, at speeds that are measured."""

import pytest

from components.trainer.certification.emulation import StandIn
from components.trainer.input.function import feed
from components.trainer.input.options import FeedOptions
from components.trainer.input_plan.prediction import Consumer, predict
from components.trainer.input_plan.probe import Probe
from components.usable_cores import usable_cores
from tests.components.trainer.input_plan.conftest import (
    ALWAYS,
    BATCH,
    RATE,
    SLEEP,
    plan_of,
    slowed,
)


@pytest.mark.slow
@pytest.mark.measured
def test_one_epoch_is_streamed_and_many_are_kept_in_memory(planner_of, late, hurried):
    plan = plan_of(planner_of(RATE, epochs=1, cache=False), late)
    assert plan.strategy == "streaming"
    # Loading takes as long as the training, and is not done beside it.
    memory, _, streaming = plan.forecasts
    assert memory.seconds > 1.3 * streaming.seconds

    longer = planner_of(20 * RATE, epochs=20)
    assert plan_of(longer, hurried).strategy == "memory"
    assert longer.measured == [15]
    for strategy in ("memory", "disk", "streaming"):
        assert any(strategy in line for line in longer.plan.lines())


OPTIONS = FeedOptions(seed=3, strategy="streaming")


@pytest.fixture(scope="module")
def twice_as_quick(quick):
    """A source, and what streaming it was measured to cost."""
    source = slowed(quick, SLEEP / 2)
    _, _, streaming = Probe(source, source.count(), BATCH, OPTIONS, ALWAYS).measure({}).costs
    return source, streaming


@pytest.mark.slow
@pytest.mark.measured
@pytest.mark.parametrize("part", [0.5, 1.5])
def test_what_is_predicted_of_streaming_happens(twice_as_quick, part):
    source, costs = twice_as_quick
    consumer = Consumer(BATCH, BATCH / (part * 2 * RATE))
    made = feed(source, BATCH, training=True, options=OPTIONS)
    predicted = predict(costs, consumer, made.steps_per_epoch, 2, usable_cores()).later_epochs

    batches, device = iter(made.dataset), StandIn(consumer.step_seconds)
    for _ in range(made.steps_per_epoch):
        device.take(batches)
    waited = sum(device.take(batches) for _ in range(30))
    took = waited + 30 * consumer.step_seconds
    assert predicted.images_per_second == pytest.approx(30 * BATCH / took, rel=0.15)
    assert predicted.wait == pytest.approx(waited / took, abs=0.05)
