"""A pushed version names what made it, and is made again from that. Slow: digits, twice."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def pipeline(*words, check=True):
    command = [sys.executable, "-m", "pipeline", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0 or not check, done.stdout + done.stderr
    return done


@pytest.mark.slow
def test_a_version_names_its_origin_and_is_reproduced(tmp_path):
    root = tmp_path / "digits"
    place = ["--config", "configs/digits.yaml", "--set", f"root={root}"]
    place += ["--set", f"push.destination={root}/pushed"]
    pipeline("run", *place)
    lineage = json.loads(pipeline("lineage", "1", *place, "--json").stdout)
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
    assert lineage["configuration"]["root"] == str(root)
    again = pipeline("run", "--from-model", "1", *place)
    assert "The metrics are the same" in again.stdout
    missing = pipeline("lineage", "9", *place, check=False)
    assert missing.returncode == 1
    assert "holds no version 9" in missing.stderr
