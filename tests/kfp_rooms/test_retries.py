"""The retries of a package, by the rule of the backend that makes them."""

import pytest
from argo_retries import attempts
from toy_pipeline import toy_pipeline

from kfp.compile_package import compile_pipeline
from settings.kubeflow import Kubeflow
from settings.kubernetes import Step

HOUR = 3600
WEEK = 7 * 24 * HOUR


def policy(**step):
    kubeflow = Kubeflow(image="toy:1", steps={"Add": Step(**step)})
    spec, *_ = compile_pipeline(toy_pipeline("/models"), kubeflow)
    return spec["root"]["dag"]["tasks"]["Add"].get("retryPolicy", {})


@pytest.mark.parametrize("seconds", [1, HOUR - 1, 2 * HOUR, WEEK])
def test_a_step_is_tried_again_however_long_it_ran(seconds):
    made = attempts(policy(retries=2, retry_after_seconds=30), seconds)

    assert [start for start, _ in made] == [0, seconds + 30, 2 * seconds + 90]
    assert all(allowed > 4 * WEEK for _, allowed in made)


def test_the_longest_waits_that_the_configuration_takes_still_lead_to_every_attempt():
    assert len(attempts(policy(retries=10, retry_after_seconds=3600), 12 * HOUR)) == 11


def test_nothing_is_tried_again_unless_the_configuration_asks_for_it():
    assert len(attempts(policy(), HOUR)) == 1


def test_the_rule_gives_up_after_an_hour_where_a_package_allows_an_hour():
    old = policy(retries=1) | {"backoffMaxDuration": "3600s"}

    assert len(attempts(old, 2 * HOUR)) == 1
    assert attempts(old, HOUR // 2) == [(0, float("inf")), (HOUR // 2 + 30, HOUR // 2 - 30)]
    assert len(attempts(policy(retries=1), HOUR, ends="Error")) == 1
