"""kill -9 within each component in turn; the next run of the same command goes on from there."""

import random

import pytest

from benchmarks.kills import COMPONENTS, find_faults, kill_within, words
from tests.processes import start_pipeline

SMALL = ("model.parameters={filters: [16]}", "evaluation.thresholds.accuracy.min=0.8")


@pytest.mark.slow
def test_a_root_on_which_every_component_was_killed_once_ends_whole(tmp_path):
    chance, log = random.Random(6), tmp_path / "log"
    run_words = words(tmp_path, "run") + [word for key in SMALL for word in ("--set", key)]
    for component in COMPONENTS:
        run = start_pipeline(*run_words, log=log)
        assert kill_within(component, run, tmp_path, chance), f"{component} was never seen to run"
    assert start_pipeline(*run_words, log=log).wait() == 0, log.read_text()
    assert find_faults(tmp_path) == []
