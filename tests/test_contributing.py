"""What CONTRIBUTING shows works as it stands there: a file and its test, and nothing else."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
COPIED = ("models", "metrics", "augmentations", "tests")


@pytest.mark.slow
def test_the_examples_of_a_model_a_metric_and_an_augmentation_work(tmp_path):
    for room in PROJECT.iterdir():
        if room.name in COPIED:
            shutil.copytree(room, tmp_path / room.name)
        elif not room.name.startswith("."):
            (tmp_path / room.name).symlink_to(room)
    text = (PROJECT / "CONTRIBUTING.md").read_text()
    blocks = re.findall(r"```python\n# (\S+)\n(.*?)```", text, re.DOTALL)
    for path, content in blocks:
        (tmp_path / path).write_text(content)
    tests = [path for path, _ in blocks if path.startswith("tests/")]

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *tests],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert len(tests) == 3
    assert "3 passed" in done.stdout, done.stdout + done.stderr
