"""A package that a test writes, under a name that no other test uses."""

import itertools
import sys
import textwrap
from pathlib import Path

import pytest

from settings import own_modules

_numbers = itertools.count()


def forget_afterwards(monkeypatch) -> None:
    """Undoes after the test what finding a package changes in this process."""
    monkeypatch.setattr(sys, "path", [place for place in sys.path if "own_code" not in place])
    monkeypatch.setattr(own_modules, "_folders", [])
    monkeypatch.setenv("PYTHONPATH", "")


class UserPackage:
    """An empty package below a folder, for one test."""

    def __init__(self, folder: Path, monkeypatch):
        forget_afterwards(monkeypatch)
        self.folder, self.package = folder, f"kit_{next(_numbers)}"
        (folder / self.package).mkdir()
        self.write("__init__", "")

    def write(self, module: str, text: str) -> None:
        (self.folder / self.package / f"{module}.py").write_text(textwrap.dedent(text))


@pytest.fixture
def kit(tmp_path, monkeypatch):
    """A user's package with one module `code`; `kit(text)` writes it and gives its name."""
    package = UserPackage(tmp_path, monkeypatch)
    own_modules.look_in(tmp_path)

    def write(text):
        package.write("code", text)
        return f"{package.package}.code"

    return write
