"""kill -9 within each component in turn; the next run of the same command goes on from there."""

import random
import subprocess

import pytest

from benchmarks.kills import COMPONENTS, command, find_faults, kill_within


@pytest.mark.slow
def test_a_root_on_which_every_component_was_killed_once_ends_whole(tmp_path):
    chance = random.Random(0)
    for component in COMPONENTS:
        assert kill_within(component, tmp_path, chance), f"{component} was never seen to run"
    done = subprocess.run(command(tmp_path), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert find_faults(tmp_path) == []
