"""A pushed version names what made it, and is made again from that. Slow: digits, twice."""

import hashlib
import json
import subprocess
from pathlib import Path

import pytest

from cli.command_line import main

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow


def test_a_version_names_its_origin(digits_run, capsys):
    assert main(["lineage", "1", *digits_run.place, "--json"]) == 0
    lineage = json.loads(capsys.readouterr().out)
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert lineage["git_commit"] == (head.stdout.strip() or "unknown")
    lock = hashlib.sha256((ROOT / "requirements.txt").read_bytes()).hexdigest()
    assert lineage["lock_sha256"] == lock
    assert lineage["data"]["dataset"] == "digits/1.0.0"
    assert lineage["data"]["counts"] == {"train": 1294, "validation": 144, "test": 359}
    assert len(lineage["data"]["fingerprint"]) == 64
    assert lineage["configuration"]["seed"] == 7
    assert lineage["configuration"]["root"] == str(digits_run.root)


def test_a_version_is_reproduced_from_its_origin(digits_run, capfd):
    assert main(["run", "--from-model", "1", *digits_run.place]) == 0
    assert "The metrics are the same" in capfd.readouterr().out


def test_a_version_that_is_not_there_is_one_line(digits_run, capsys):
    assert main(["lineage", "9", *digits_run.place]) == 1
    assert "holds no version 9" in capsys.readouterr().err
