"""How far a model's confidence is from the part of its answers that are right."""

import itertools
import math

import numpy as np
import pytest

from components.evaluator.reliability import binned
from metrics import expected_calibration_error
from metrics.counts import Counts


def test_it_is_the_mean_distance_of_15_bins_weighted_by_their_images():
    chance = np.random.default_rng(0)
    confidence = chance.uniform(0.1, 1, 500)
    right = chance.random(500) < confidence**2
    expected, edges = 0.0, np.linspace(0, 1, 16)
    for low, high in itertools.pairwise(edges):
        inside = (confidence > low) & (confidence <= high)
        if inside.any():
            apart = abs(right[inside].mean() - confidence[inside].mean())
            expected += inside.mean() * apart
    counts = Counts(np.eye(2), reliability=binned(confidence, right))
    assert expected_calibration_error.measure(counts) == pytest.approx(expected, abs=1e-12)


def test_a_confidence_of_exactly_0_or_1_has_a_bin():
    counts = Counts(np.eye(2), reliability=binned(np.array([0.0, 1.0]), np.array([False, True])))
    assert expected_calibration_error.measure(counts) == 0
    assert [row[0] for row in counts.reliability] == [1, *[0] * 13, 1]


def test_it_is_nan_where_no_confidence_was_counted():
    assert math.isnan(expected_calibration_error.measure(Counts(np.eye(2))))
    nothing = Counts(np.eye(2), reliability=np.zeros((15, 3)))
    assert math.isnan(expected_calibration_error.measure(nothing))
