"""`run --results FILE`: what each component of this run did, and of no run before it."""

import os

import pytest

from cli.command_line import main
from pipeline.root_lock import hold

RUN = ("run", "--config", "configs/digits.yaml")


def test_results_of_an_earlier_run_do_not_outlive_one_that_never_began(tmp_path, capsys):
    results = tmp_path / "out.json"
    results.write_text('{"Pusher": "ran"}')
    with hold(tmp_path / "root"):
        assert main([*RUN, "--set", f"root={tmp_path}/root", "--results", str(results)]) == 1
    assert " is in use by " in capsys.readouterr().err
    assert results.read_text() == "{}"


def test_a_mistake_in_the_command_leaves_the_results_as_they_are(tmp_path):
    results = tmp_path / "out.json"
    results.write_text('{"Pusher": "ran"}')
    assert main([*RUN, "--set", "seed=x", "--results", str(results)]) == 2
    assert results.read_text() == '{"Pusher": "ran"}'


def refuses(results, root, capsys):
    with hold(root):  # What is not refused must not begin a run.
        code = main([*RUN, "--set", f"root={root}", "--results", str(results)])
    return code == 2 and f"--results {results}: not a regular file; " in capsys.readouterr().err


@pytest.mark.parametrize("target", [os.devnull, "file"])
def test_a_link_such_as_dev_stdout_is_not_replaced_by_the_results(tmp_path, capsys, target):
    (tmp_path / "file").touch()
    results = tmp_path / "out.json"
    results.symlink_to(target)
    assert refuses(results, tmp_path / "root", capsys)
    assert str(results.readlink()) == target


def test_a_pipe_is_not_replaced_by_the_results(tmp_path, capsys):
    results = tmp_path / "out.json"
    os.mkfifo(results)
    with open(results, "r+b", buffering=0):  # Else whoever opens it for writing waits.
        assert refuses(results, tmp_path / "root", capsys)
    assert results.is_fifo()
