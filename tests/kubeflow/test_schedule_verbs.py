"""The verbs `submit` and `schedule` as a user types them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cli.command_line import main

DIGITS = "configs/digits.yaml"
NIGHTLY = ("--set", "schedule.cron=0 3 * * *")


@pytest.mark.parametrize(
    ("words", "code", "cause"),
    [
        (["schedule", "status", "--local"], 2, "schedule: missing"),
        (["schedule", "apply"], 2, "schedule: missing"),
        (["schedule", "run", *NIGHTLY], 2, "run, status, stop with --local"),
        (["schedule", "apply", "--local", *NIGHTLY], 2, "run, status, stop with --local"),
        (["schedule", "list"], 1, "No Kubeflow Pipelines server is named"),
        (["submit", "--package", "nowhere.yaml"], 2, "python -m pipeline compile"),
        (["schedule", "list", "--set", "schedule.cron=0 3 * *"], 2, "five fields"),
        (["schedule", "list", "--set", "kubeflow.endpoint=https://me:word@host"], 2, "endpoint"),
    ],
)
def test_a_mistake_is_one_line_and_its_exit_code(words, code, cause, capsys):
    assert main([*words, "--config", DIGITS]) == code
    out, err = capsys.readouterr()
    assert err.count("\n") == 1
    assert cause in err
    assert out == ""


@pytest.mark.slow
def test_submit_goes_through_the_sdk_though_a_folder_has_its_name(server, package):
    words = ["submit", "--package", str(package), "--param", "epochs=3", "--config", DIGITS]
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", *words],
        capture_output=True,
        text=True,
        env=os.environ | {"KF_PIPELINES_ENDPOINT": server.url},
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "/#/runs/details/run-" in done.stdout


def test_the_local_schedule_has_a_status_before_its_first_start(tmp_path, capsys):
    words = ["schedule", "status", "--local", *NIGHTLY, "--set", f"root={tmp_path}/root"]
    assert main([*words, "--config", DIGITS]) == 3
    assert "served    no" in capsys.readouterr().out
    assert not Path(tmp_path, "root").exists()
