"""A user's metric is measured from the counts, and its mistakes are one line."""

import numpy as np
import pytest

from components.evaluator.own_metrics import measure
from failures import Failure
from metrics.counts import Counts
from settings.evaluation import Evaluation
from settings.own_modules import look_in
from tests.own_code.user_package import UserPackage

COUNTS = Counts(np.array([[3, 1], [0, 4], [2, 0]]))
SCORES = """
    def missed(counts, class_names, *, of: str):
        number = class_names.index(of)
        return counts.actual[number] - counts.right[number]

    def words(counts):
        return "many"

    def huge(counts):
        return 10**400
"""


@pytest.fixture
def metric(tmp_path, monkeypatch):
    """A function (name, **parameters) that gives an Evaluation with that metric."""
    package = UserPackage(tmp_path, monkeypatch)
    package.write("scores", SCORES)
    look_in(tmp_path)

    def evaluation(name, **parameters):
        name = f"{package.package}.scores:{name}"
        given = {"name": name, "higher_is_better": False, "parameters": parameters}
        return Evaluation.of(metrics=[given])

    return evaluation


def test_a_metric_knows_the_counts_and_the_names_of_the_classes(metric):
    assert measure(metric("missed", of="cat"), COUNTS, ["cat", "dog"]) == {"missed": 1.0}
    nothing = measure(metric("missed", of="cat"), Counts(np.zeros((3, 2))), ["cat", "dog"])
    assert np.isnan(nothing["missed"])


@pytest.mark.parametrize(
    ("name", "parameters", "mistake"),
    [
        ("words", {}, "scores:words gives 'many'; allowed: one number"),
        ("huge", {}, "scores:huge gives '10000*'; allowed: one number"),
        ("missed", {"of": "bird"}, r"scores:missed failed in .*scores.py:3: ValueError: 'bird'"),
    ],
)
def test_a_metric_that_gives_no_number_is_one_line(metric, name, parameters, mistake):
    with pytest.raises(Failure, match=mistake) as refused:
        measure(metric(name, **parameters), COUNTS, ["cat", "dog"])
    assert "\n" not in str(refused.value)
