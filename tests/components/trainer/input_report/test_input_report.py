"""The input report tells a training that waits for data from one that does not."""

import dataclasses
import functools
import json
import time
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import tensorflow as tf

from components.failure import Failure
from components.trainer.checkpoints import Checkpoints
from components.trainer.input_function import input_function
from components.trainer.input_report.report import InputReport
from components.trainer.model_registry import build_model
from components.trainer.training import Training
from components.trainer.training_log import TrainingLog
from components.trainer.training_parameters import InputReportParameters, TrainingParameters

pytestmark = pytest.mark.slow

SLEEP = 0.05  # seconds a batch, many times what a step on these images takes
SHAPE = (12, 12, 1)


def slow(made):
    """The input with a stage that sleeps, as a slow disk or a slow decoder would."""

    def late(images, labels):
        images = tf.numpy_function(lambda x: (time.sleep(SLEEP), x)[1], [images], tf.uint8)
        return tf.ensure_shape(images, (16, *SHAPE)), labels

    return dataclasses.replace(made, dataset=made.dataset.map(late))


@pytest.fixture(scope="module")
def starved(digits, tmp_path_factory):
    """The report of a training whose input sleeps."""
    files = sorted(map(str, (digits.folder / "transformed" / "Split-train").iterdir()))
    batches = functools.partial(
        input_function, files, SHAPE, 16, training=True, seed=3, strategy="streaming"
    )
    report = InputReport(InputReportParameters(on_wait="fail"))
    Training(
        TrainingParameters(batch_size=16, epochs=2),
        build_model=lambda: build_model(
            {"name": "small_cnn", "filters": [8]}, SHAPE, 10, [70.0], [80.0]
        ),
        training_input=lambda **asked: slow(batches(**asked)),
        validation=None,
        checkpoints=Checkpoints(None, None, 60),
        log=TrainingLog(str(tmp_path_factory.mktemp("log"))),
        input_report=report,
    ).run()
    return report


def test_a_starved_training_is_called_input_bound(starved):
    told = starved.content
    assert told["verdict"] == "input-bound"
    assert "input-bound" in told["line"]
    assert "moderately" not in told["line"]
    wait = told["wait"]["later_epochs"]
    assert wait["share"] > 0.5
    assert wait["p50"] > 0.5
    assert told["images_per_second"]["later_epochs"] < 16 / SLEEP
    assert told["real_to_ceiling"] < 0.5


def test_a_starved_training_is_told_what_to_change(starved):
    assert "cache_dir" in starved.content["advice"]


def test_a_training_that_may_not_wait_fails_with_one_line(starved):
    with pytest.raises(Failure) as caught:
        starved.enforce()
    told = str(caught.value)
    assert "max_wait is 0.05" in told
    assert starved.content["advice"] in told
    assert "\n" not in told


def test_a_training_writes_its_report_and_a_plot(trained):
    folder = Path(trained.model_run.uri)
    told = json.loads((folder / "input_report.json").read_text())
    assert told["strategy"] == "memory"
    assert told["images_per_second"]["ceiling"] > 0
    assert told["timeline"]
    assert trained.model_run.get_string_custom_property("input_report") == told["line"]
    plot = ElementTree.parse(folder / "input_report.svg").getroot()
    described = plot.find("{http://www.w3.org/2000/svg}desc")
    assert described.text == told["line"]


def test_the_stages_of_the_input_are_named_with_their_share(trained):
    told = json.loads(Path(trained.model_run.uri, "input_report.json").read_text())
    if told["stages"]:  # None where the first batch came too late to look twice.
        assert sum(stage["share"] for stage in told["stages"]) == pytest.approx(1)
        assert "gather" in [stage["name"] for stage in told["stages"]]


def test_the_report_changes_nothing_in_the_model(train_in, trained):
    without = train_in("without", input_report={"enabled": False})
    assert without.metrics == trained.metrics
    for mine, other in zip(without.weights(), trained.weights(), strict=True):
        np.testing.assert_array_equal(mine, other)
    assert not list(Path(without.model_run.uri).glob("input_report*"))
