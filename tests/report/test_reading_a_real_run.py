"""The components' readers against what the components of a real run wrote."""

import itertools

import pytest

from components.examples.reading import read_examples
from components.trainer.input_report.reading import read_plot
from pipeline.metadata_store import open_store
from report import facts
from report.drift import label_counts

pytestmark = pytest.mark.slow  # `digits_run` takes a minute


@pytest.fixture(scope="module")
def run(digits_run):
    store = open_store(digits_run.root)
    return facts.read_run(store, facts.run_ids(store)[0])


def test_data_and_its_statistics_are_read_alike(run):
    assert run.data.dataset.startswith("digits/")
    assert list(run.data.counts) == ["train", "validation", "test"]
    assert run.label_names == [str(digit) for digit in range(10)]
    assert {split: sum(c.values()) for split, c in label_counts(run).items()} == run.data.counts
    assert not any(found.anomaly_info for found in run.anomalies.values())
    assert set(run.anomalies) == set(run.statistics) == set(run.data.counts)
    assert (sum(run.dropped.values()), run.mask_pixels, run.trials) == (0, None, [])


def test_the_raw_examples_are_read_without_tensorflow(run):
    folder = run.output("TfdsExampleGen", "examples").folder
    assert sum(1 for _ in read_examples(folder, "test")) == run.data.counts["test"]
    for example in itertools.islice(read_examples(folder, "train"), 3):
        assert example["image"][0].startswith(b"\x89PNG")
        assert 0 <= example["label"][0] <= 9


def test_the_training_and_its_input_report_are_read(run):
    assert [epoch.epoch for epoch in run.history.epochs] == [1, 2, 3, 4, 5]
    assert run.history.best.validation_accuracy > 0.9
    assert run.history.seconds >= sum(epoch.fetch_seconds for epoch in run.history.epochs) > 0
    assert run.devices
    assert 0 <= run.input_report.waited <= 1
    assert run.input_report.line
    first, later, ceiling = (speed.images_per_second for speed in run.input_report.speeds)
    assert min(first, later) > 0
    # Where its steps are slow, so short a training does not measure the ceiling.
    assert ceiling is None or ceiling > 0
    assert read_plot(run.output("Trainer", "model_run").folder).startswith(b"<svg")


def test_the_verdict_and_what_it_came_from_are_read(run):
    assert run.verdict.blessed
    assert run.champion is None
    total = sum(number for number in run.confusion.counts.values())
    right = sum(c.right for c in run.confusion.classes)
    assert total == run.data.counts["test"]
    assert right / total == pytest.approx(run.verdict.metrics["accuracy"])
    assert sum(number for number, *_ in run.confusion.mistakes()) == total - right
    for worst in run.worst_examples:
        assert worst.pictures["image"]
        assert worst.facts["true"] != worst.facts["predicted"]


def test_serving_and_push_are_read(run):
    assert run.serving.blessed
    assert 0 < run.serving.challenger.p50_ms <= run.serving.challenger.p99_ms
    assert run.pushed.version == "1"
    assert run.pushed.path.endswith("/pushed/1")


def test_the_run_names_what_it_was_started_from(run):
    assert run.origin.configuration["name"] == "digits"
    assert run.model_origin == (run.id, run.origin)
    assert run.failure is None
    assert {node.status for node in run.nodes.values()} == {"ran"}
    assert run.removed == []
