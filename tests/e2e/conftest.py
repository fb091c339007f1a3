"""Runs of the command line in this process: TensorFlow is imported once for them all."""

import contextlib
import dataclasses
import functools
import sqlite3

import pytest

from cli.command_line import main

CONFIG = "configs/digits.yaml"


@dataclasses.dataclass(frozen=True)
class Run:
    code: int
    out: str
    err: str

    @property
    def said(self):
        return self.out + self.err


@pytest.fixture
def pipeline(tmp_path, prepared_digits, capfd):
    """A function (*KEY=VALUE) → Run of `python -m pipeline run` on digits, below tmp_path."""

    def run(*overrides, config=CONFIG):
        words = ["run", "--config", str(config)]
        own = (
            f"root={tmp_path / 'root'}",
            f"push.destination={tmp_path / 'pushed'}",
            f"data.data_dir={prepared_digits}",
        )
        for override in own + overrides:
            words += ["--set", override]
        capfd.readouterr()
        code = main(words)
        return Run(code, *capfd.readouterr())

    return run


@pytest.fixture
def after_digits(pipeline, digits_run, tmp_path):
    """`pipeline` on a root that remembers digits_run: what no override changes is cached."""
    (tmp_path / "root").mkdir()
    given, made = (
        sqlite3.connect(r / "metadata.sqlite") for r in (digits_run.root, tmp_path / "root")
    )
    with contextlib.closing(given), contextlib.closing(made):
        given.backup(made)
    return functools.partial(pipeline, f"data.data_dir={digits_run.root}/data")
