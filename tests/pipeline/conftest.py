"""One run of digits, for all that read what a run leaves."""

import dataclasses

import pytest

from cli.command_line import main


@dataclasses.dataclass(frozen=True)
class DigitsRun:
    """A root and a push destination with version 1 in it.

    Attributes:
      root: a Path.
      place: the words that name them to any verb of the command line.
    """

    root: object
    place: tuple


@pytest.fixture(scope="session")
def digits_run(tmp_path_factory):
    root = tmp_path_factory.mktemp("digits")
    places = (f"root={root}", f"push.destination={root}/pushed", f"data.data_dir={root}/data")
    words = [word for place in places for word in ("--set", place)]
    place = ("--config", "configs/digits.yaml", *words)
    assert main(["run", *place]) == 0
    return DigitsRun(root, place)
