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


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory):
    """TFDS's folder with digits prepared in it. Tests that damage it take a copy."""
    import tensorflow_datasets as tfds

    import datasets.digits  # noqa: F401  registers the builder

    folder = tmp_path_factory.mktemp("tensorflow_datasets")
    tfds.builder("digits", data_dir=folder).download_and_prepare()
    return folder


@pytest.fixture
def pipeline(tmp_path, data_dir, capfd):
    """A function (*KEY=VALUE) → Run of `python -m pipeline run` on digits, below tmp_path."""

    def run(*overrides, config=CONFIG):
        words = ["run", "--config", str(config)]
        own = (
            f"root={tmp_path / 'root'}",
            f"push.destination={tmp_path / 'pushed'}",
            f"data.data_dir={data_dir}",
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
