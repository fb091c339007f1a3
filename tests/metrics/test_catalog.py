"""Every file of the room is a metric that can be found, measured and bounded."""

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from metrics import catalog
from metrics.counts import Counts
from settings.evaluation import Evaluation, Threshold

TASKS = ("classification", "multi_label", "segmentation")


@pytest.fixture
def counts(task, answers, labelled):
    return labelled.counts if task == "multi_label" else answers.counts


@pytest.mark.parametrize("name", catalog.NAMES)
def test_a_metric_declares_what_it_is_and_has_a_test(name):
    file = catalog.load(name)
    assert file.__doc__
    assert set(file.TASKS) <= set(TASKS)
    assert {type(file.HIGHER_IS_BETTER), type(file.PER_CLASS)} == {bool}
    assert (Path(__file__).parent / f"test_{name}.py").is_file()


@pytest.mark.parametrize("task", TASKS)
def test_what_can_have_a_bound_is_measured(task, counts):
    measured = catalog.overall(counts, task)
    assert list(measured) == catalog.with_bounds(task)
    assert all(isinstance(value, float) for value in measured.values())
    bounds = Evaluation(thresholds={name: Threshold(min=0) for name in measured})
    assert bounds.not_measured(task) == []


@pytest.mark.parametrize("task", TASKS)
def test_each_class_has_a_value_of_each_per_class_metric(task, counts):
    measured = catalog.per_class(counts, task)
    assert ("iou" in measured) == (task == "segmentation")
    assert {len(scores) for scores in measured.values()} == {12}


def test_every_metric_is_nan_where_nothing_was_counted():
    values = catalog.overall(Counts(np.zeros((3, 2), int)), "segmentation")
    assert all(map(math.isnan, values.values()))


def test_what_needs_probabilities_is_not_counted_in_training():
    assert set(catalog.with_bounds()) - set(catalog.counted()) == {
        "expected_calibration_error",
        "top_5_accuracy",
    }


def test_finding_the_metrics_imports_neither_numpy_nor_tensorflow():
    code = "import sys; from metrics import catalog; catalog.with_bounds()\n" + (
        "print(sorted({'numpy', 'tensorflow'} & set(sys.modules)))"
    )
    project = Path(__file__).resolve().parents[2]
    assert subprocess.check_output([sys.executable, "-c", code], cwd=project) == b"[]\n"
