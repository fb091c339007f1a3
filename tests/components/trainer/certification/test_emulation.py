"""The stand-in for an accelerator, whose own time must not count as waiting."""

import itertools
import time

import pytest

from components.trainer.certification.emulation import StandIn
from components.trainer.devices import BATCHES_ON_DEVICE


@pytest.fixture
def slept(monkeypatch):
    """The seconds of each sleep, none of which takes any time."""
    found = []
    monkeypatch.setattr(time, "sleep", found.append)
    return found


def test_who_waits_for_batches_does_not_give_the_core_away_as_well(slept):
    device = StandIn(1e-9)
    for _ in range(20):
        device.take(itertools.repeat(None))
    assert not slept


def test_a_full_device_takes_the_next_batch_once_a_step_begins(slept):
    device = StandIn(10.0)
    waited = [device.take(itertools.repeat(None)) for _ in range(BATCHES_ON_DEVICE + 2)]
    assert slept == [pytest.approx(10.0, abs=1.0)]
    assert sum(waited[1:]) == 0
