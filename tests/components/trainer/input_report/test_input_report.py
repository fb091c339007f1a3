"""The input report recognises a training that waits for data."""

import dataclasses
import functools
import itertools
import json
import logging
import threading
import time
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import tensorflow as tf

from components.trainer.checkpoints import Checkpoints
from components.trainer.input.features import LABEL, image_feature
from components.trainer.input.function import feed, input_function
from components.trainer.input.options import FeedOptions
from components.trainer.input.records import source
from components.trainer.input_report import plot, report
from components.trainer.input_report.reading import read_report
from components.trainer.input_report.report import InputReport
from components.trainer.input_report.stages import stages
from components.trainer.input_report.step_times import StepTimes
from components.trainer.model import build_model
from components.trainer.preparation import prepare
from components.trainer.training_log import TrainingLog
from failures import Failure
from settings.model import Model
from settings.training import Training
from settings.training_input import InputReport as Limits

pytestmark = pytest.mark.slow

SLEEP = 0.03  # seconds a batch at least
TIMES = 8  # what a step takes, so that the model waits on a busy machine too
SHAPE = (12, 12, 1)


class Paced(StepTimes):
    """Says how long a batch has to take for this machine's steps to wait for it."""

    seconds = SLEEP

    def add(self, step, steps, asked, arrived, done, compiled):
        super().add(step, steps, asked, arrived, done, compiled)
        if not compiled:
            self.seconds = max(SLEEP, TIMES * (done - arrived))


def slow(source, times: Paced):
    """The source with a decoder that sleeps, one batch at a time, as on a busy machine."""
    one_at_a_time = threading.Lock()

    def sleep(serialized):
        with one_at_a_time:
            time.sleep(times.seconds)
        return serialized

    def decode(serialized):
        slept = tf.numpy_function(sleep, [serialized], tf.string)
        return source.decode(tf.ensure_shape(slept, serialized.shape))

    return dataclasses.replace(source, decode=decode)


@pytest.fixture(scope="module")
def starved(digits, tmp_path_factory):
    """The report of a training whose decoder sleeps."""
    files = sorted(map(str, (digits.folder / "transformed" / "Split-train").iterdir()))
    times = Paced()
    late = slow(source(files, (image_feature(SHAPE), LABEL), False), times)
    batches = functools.partial(feed, late, 16, training=True)
    found = InputReport(Limits(on_wait="fail"), times)
    model = Model(name="small_cnn", parameters={"filters": [8]})
    with pytest.MonkeyPatch.context() as patch:
        # Enough for the pairs that an interval needs, of steps ten times as slow as on a quiet
        # machine.
        patch.setattr(report, "_STARVED_CEILING_SECONDS", 2.0)
        prepare(
            Training(batch_size=16, epochs=4),
            build_model=lambda: build_model(model, SHAPE, 10, [70.0], [80.0]),
            training_input=batches,
            options=FeedOptions(seed=3, strategy="streaming"),
            validation=None,
            checkpoints=Checkpoints(None, None, 60),
            log=TrainingLog(str(tmp_path_factory.mktemp("log"))),
            input_report=found,
        ).run()
    return found


def test_a_starved_training_is_reported_as_input_bound(starved):
    found = starved.content
    assert found["verdict"] == "input-bound"
    assert "input-bound" in found["line"]
    assert "moderately" not in found["line"]
    wait = found["wait"]["later_epochs"]
    assert wait["share"] > 0.5
    assert wait["p50"] > 0.5
    # Of three epochs of 15 steps; up to four batches are loaded between one and the next.
    assert found["images_per_second"]["later_epochs"] < 16 / SLEEP * 45 / (45 - 3 * 4)
    assert found["real_to_ceiling"]["high"] < 0.5


def test_the_wait_of_a_starved_step_coincides_with_loading_its_batch(starved):
    timeline = starved.content["timeline"]
    loads = {load["step"]: load for load in starved.content["loads"]}
    now, beside = 0.0, []
    for step in timeline:
        arrived = now + step["wait_ms"]
        if step["wait_ms"] and step["step"] in loads:  # Others were loaded before.
            load = loads[step["step"]]
            assert load["end_ms"] < arrived + 20  # Loads are recorded by another clock.
            together = min(arrived, load["end_ms"]) - max(now, load["start_ms"])
            beside.append(together / step["wait_ms"])
        now = arrived + step["compute_ms"]
    assert len(beside) > len(timeline) // 2
    assert np.median(beside) > 0.8
    assert np.median([load["end_ms"] - load["start_ms"] for load in loads.values()]) > 900 * SLEEP


def test_a_batch_is_loaded_before_its_step_ends(trained):
    found = json.loads(Path(trained.model_run.uri, "input_report.json").read_text())
    loads = {load["step"]: load for load in found["loads"]}
    ends = np.cumsum([step["wait_ms"] + step["compute_ms"] for step in found["timeline"]])
    shown = [(step["step"], end) for step, end in zip(found["timeline"], ends, strict=True)]
    both = [(loads[step]["end_ms"], end) for step, end in shown if step in loads]
    assert len(both) > len(shown) // 4  # Those before were loaded before what is shown.
    assert all(loaded < end for loaded, end in both)


def test_simultaneous_loads_are_drawn_in_separate_rows(starved):
    loads = starved.content["loads"]
    for one, other in itertools.combinations(loads, 2):
        apart = one["end_ms"] <= other["start_ms"] or other["end_ms"] <= one["start_ms"]
        assert apart or one["row"] != other["row"]
    assert plot.draw(starved.content).count('class="load"') == len(loads)


def test_the_plot_of_a_report_without_loads_says_so(starved):
    older = {key: value for key, value in starved.content.items() if key != "loads"}
    assert "not recorded" in plot.draw(older)
    assert "not recorded" not in plot.draw(starved.content)


def test_the_report_of_a_starved_training_says_what_to_change(starved):
    assert "Set training.input.strategy to auto" in starved.content["advice"]


def test_a_training_that_must_not_wait_fails_with_one_line(starved):
    with pytest.raises(Failure) as caught:
        starved.enforce()
    message = str(caught.value)
    assert "max_wait is 0.05" in message
    assert starved.content["advice"] in message
    assert "\n" not in message


def test_a_training_writes_a_report_and_a_plot(trained):
    folder = Path(trained.model_run.uri)
    found = json.loads((folder / "input_report.json").read_text())
    assert found["strategy"] == "memory"
    assert found["images_per_second"]["ceiling"] > 0
    assert found["timeline"]
    assert trained.model_run.get_string_custom_property("input_report") == found["line"]
    plot = ElementTree.parse(folder / "input_report.svg").getroot()
    described = plot.find("{http://www.w3.org/2000/svg}desc")
    assert described.text == found["line"]


@pytest.mark.parametrize("timed", [False, True])
@pytest.mark.parametrize(
    ("strategy", "work"), [("memory", "gather"), ("disk", "read"), ("streaming", "decode")]
)
def test_stages_have_names_times_and_shares(digits, strategy, work, timed, tmp_path):
    files = sorted(map(str, (digits.folder / "transformed" / "Split-train").iterdir()))
    made = input_function(
        files,
        SHAPE,
        16,
        training=True,
        options=FeedOptions(seed=3, strategy=strategy, timed=timed, cache_dir=str(tmp_path)),
    )
    measured = stages(made.dataset, seconds=60, strategy=strategy)
    named = {stage["name"] for stage in measured}
    assert {work, "order"} <= named <= {work, "order", "read", "shuffle", "batch"}
    assert all(stage["milliseconds"] > 0 for stage in measured)
    shares = [stage["share"] for stage in measured]
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) == pytest.approx(1)


def test_the_report_does_not_change_the_model(train_in, trained):
    without = train_in("without")
    assert without.metrics == trained.metrics
    for mine, other in zip(without.weights(), trained.weights(), strict=True):
        np.testing.assert_array_equal(mine, other)
    assert not list(Path(without.model_run.uri).glob("input_report*"))


def test_a_probe_before_the_training_does_not_change_the_model(train_in, trained, caplog):
    caplog.set_level(logging.INFO, logger="steadyfeed.progress")
    only = {"memory_limit_mb": 0.001}  # There is no cache folder either.
    probed = train_in("probed", input={**only, "probe_seconds": 0.001}, input_report={})
    # Without a probe, from memory: every strategy follows the same order.
    assert probed.metrics == trained.metrics
    for mine, other in zip(probed.weights(), trained.weights(), strict=True):
        np.testing.assert_array_equal(mine, other)

    found = read_report(Path(probed.model_run.uri))
    assert found.strategy == "streaming"
    assert found.reason == "streaming is the only strategy that is possible"
    forecasts = {one.strategy: one for one in found.plan.forecasts}
    assert forecasts["memory"].refused
    assert forecasts["streaming"].later_epochs.images_per_second > 0
    assert "input plan, measured in" in caplog.text
    assert not read_report(Path(trained.model_run.uri)).plan.forecasts
