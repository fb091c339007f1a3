"""What CONTRIBUTING shows works as it stands there: a file and its test, and nothing else."""

import os
import re
import shutil
import sys
from pathlib import Path

import pytest

from tests.processes import forget_the_project, start

PROJECT = Path(__file__).resolve().parents[1]
COPIED = ("models", "metrics", "augmentations", "tests")


def run_tests(folder: Path, tests: list[str]) -> None:
    """Does what `python -m pytest TESTS` does in a folder with a project of its own."""
    forget_the_project()
    others = [place for place in sys.path if place and Path(place) != PROJECT]
    sys.path[:] = [str(folder), *others]
    os.chdir(folder)
    sys.exit(pytest.main(["-p", "no:cacheprovider", *tests]))


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

    log = tmp_path / "log"
    code = start(run_tests, tmp_path, tests, log=log).wait()

    assert len(tests) == 3
    assert (code, "3 passed" in log.read_text()) == (0, True), log.read_text()
