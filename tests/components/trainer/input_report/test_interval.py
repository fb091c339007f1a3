"""How near a training came to its ceiling: an interval that holds the truth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.trainer.input_report.interval import Interval, of_the_ceiling
from components.trainer.input_report.step_times import Calls


def calls(wait, compute=1.0, count=200):
    """Consecutive calls that all wait and compute so long."""
    wait = np.broadcast_to(np.asarray(wait, float), count)
    step = np.arange(1, count + 1)
    return Calls(step, np.ones(count), step, wait, np.full(count, compute), np.zeros(count, bool))


@given(st.lists(st.floats(0.2, 5), min_size=6, max_size=60), st.floats(0, 9))
def test_the_interval_is_ordered_and_never_above_the_ceiling(ratios, wait):
    found = of_the_ceiling(ratios, calls(wait))
    assert 0 <= found.low <= found.middle <= found.high <= 1


def test_too_few_pairs_tell_nothing():
    assert of_the_ceiling([0.9] * 5, calls(0.0)) is None
    assert of_the_ceiling([0.9] * 6, calls(0.0)) is not None


def test_waiting_lowers_the_share_by_the_part_of_the_time_that_it_took():
    found = of_the_ceiling([1.0] * 12, calls(0.25))
    assert found == pytest.approx((0.8, 0.8, 0.8))


def test_a_wait_that_varies_makes_the_interval_wider():
    random = np.random.default_rng(1)
    found = of_the_ceiling([1.0] * 12, calls(random.exponential(0.25, 200)))
    assert found.low < found.middle - 0.01
    assert found.high > found.middle + 0.01


@pytest.mark.parametrize("pairs", [6, 9, 20, 40])
def test_the_interval_holds_the_true_share_95_times_of_100(pairs):
    random = np.random.default_rng(pairs)
    truth, held = 0.9, 0
    for _ in range(400):
        noise = random.lognormal(0, 0.05, pairs) / random.lognormal(0, 0.05, pairs)
        found = of_the_ceiling(list(truth * noise), calls(0.0))
        held += found.low <= truth <= found.high
    assert held >= 0.93 * 400  # three standard errors below 95%


@pytest.mark.parametrize(
    ("interval", "words"),
    [
        (Interval(0.97, 0.99, 1.0), "at the ceiling (0.97 to 1.00)"),
        (Interval(0.7, 0.9, 1.0), "indistinguishable from the ceiling (0.70 to 1.00)"),
        (Interval(0.7, 0.8, 0.9), "0.70 to 0.90 of the ceiling"),
    ],
)
def test_the_words_claim_no_more_than_the_interval(interval, words):
    assert interval.words == words
