"""A metadata.sqlite that is none is one line, with a next step that works for every verb.

One that is sound is read, or the line says what keeps it from being read.
"""

import contextlib
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from cli.command_line import main
from tests.report.report_runs import Root

RUN_ID = "2026-11-20T02:00:00"
# A commit of more than SQLite's cache holds has changed the file before it is complete.
KILLED_IN_A_COMMIT = """
import os, signal, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("pragma cache_size = 2")
connection.execute("begin")
connection.execute("delete from Context")
row = "insert into ContextProperty values (7, ?, 1, null, null, ?, null, null, null)"
connection.executemany(row, [(f"key {n}", "x" * 1000) for n in range(500)])
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def killed_run():
    """A root with one run, and a second one that was killed within a commit."""
    # Pytest's own folders are closed to other users.
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    Root(folder).add_run(RUN_ID, {"Trainer": {"outputs": {"model": {}}}})
    writer = [sys.executable, "-c", KILLED_IN_A_COMMIT, str(folder / "metadata.sqlite")]
    assert subprocess.run(writer).returncode == -signal.SIGKILL
    yield folder
    shutil.rmtree(folder)


@contextlib.contextmanager
def as_nobody():
    """This process as a user who may not do everything."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


def prune(root):
    """Runs a verb that reads ML Metadata; its exit code."""
    words = ["runs", "prune", "--local", "--keep", "1", "--config", "configs/digits.yaml"]
    return main([*words, "--set", f"root={root}", "--set", f"push.destination={root}/pushed"])


@pytest.mark.parametrize(
    "words",
    [
        ["report"],
        ["feed", "--accelerator", "50"],
        pytest.param(["run"], marks=pytest.mark.slow),
    ],
    ids=lambda words: words[0],
)
def test_a_file_that_is_no_ml_metadata_is_told_in_one_line(words, tmp_path, capfd):
    (tmp_path / "metadata.sqlite").write_bytes(random.Random(0).randbytes(50_000))
    assert main([*words, "--config", "configs/digits.yaml", "--set", f"root={tmp_path}"]) == 1
    assert capfd.readouterr().err == (
        f"steadyfeed: {tmp_path}/metadata.sqlite cannot be read as ML Metadata. Name another root "
        "with --set root=FOLDER, or remove this one, and run again.\n"
    )


def test_half_a_commit_of_a_killed_run_is_no_damage(killed_run, capfd):
    assert prune(killed_run) == 0
    assert capfd.readouterr().out.startswith("Removed ")
    with sqlite3.connect(killed_run / "metadata.sqlite") as connection:
        assert connection.execute("select name from Context").fetchall() == [(RUN_ID,)]


@pytest.mark.parametrize(
    ("mode", "cause"),
    [
        (0, "Permission denied to user "),
        (0o444, "a killed run left half a commit, and only who may write can roll it back. "),
    ],
    ids=["not readable", "not writable"],
)
def test_a_file_that_this_user_may_not_use_is_not_called_damaged(killed_run, mode, cause, capfd):
    file = killed_run / "metadata.sqlite"
    file.chmod(mode)
    with as_nobody():
        assert prune(killed_run) == 1
    reported = capfd.readouterr().err
    assert f"steadyfeed: {file} cannot be read: {cause}" in reported
    assert "remove" not in reported
    assert reported.count("\n") == 1
