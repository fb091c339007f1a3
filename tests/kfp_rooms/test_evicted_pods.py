"""A pod that is evicted gets SIGTERM, and what it was at does not count as failed for that."""

import contextlib
import json
import os
import signal
import subprocess
import sys

import pytest

from components.tuner.search_lock import hold_search
from components.tuner.starts import STARTS
from components.tuner.trial_files import TRIAL
from tests.processes import ROOT, Fork, wait_for

UNTIL_ITS_RUNNER_ENDS = (
    "import pathlib, sys; trial = pathlib.Path(sys.argv[1]); "
    "(trial / 'begun').touch(); sys.stdin.read()"
)
POD = f"""
import pathlib, subprocess, sys, types
from components.tuner import trial_runner
from kfp import trial_pod
begin = lambda command, **given: subprocess.Popen(
    [sys.executable, "-c", {UNTIL_ITS_RUNNER_ENDS!r}, command[-1]], **given
)
names = {{"PIPE": subprocess.PIPE, "DEVNULL": subprocess.DEVNULL}}
trial_runner.subprocess = types.SimpleNamespace(Popen=begin, **names)
sys.exit(trial_pod.main(*map(pathlib.Path, sys.argv[1:])))
"""
EXECUTOR = """
import pathlib, time
from tfx.dsl.components.base.base_executor import BaseExecutor

class Executor(BaseExecutor):
    def Do(self, inputs, outputs, properties):
        begun = pathlib.Path(__file__).with_name("begun")
        try:
            begun.touch()
            time.sleep(60)
        finally:
            begun.unlink()
"""


@contextlib.contextmanager
def ended(process):
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.slow
def test_no_start_of_a_trial_is_counted_whose_pod_is_evicted(tmp_path):
    trials = tmp_path / "trials"
    trial = trials / "00000000"
    trial.mkdir(parents=True)
    (trial / TRIAL).touch()
    command = [sys.executable, "-c", POD, str(tmp_path), str(trials)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "JOB_COMPLETION_INDEX": "0"}
    with hold_search(trials), ended(subprocess.Popen(command, env=environment)) as pod:
        wait_for((trial / "begun").exists, processes=[pod])
        assert (trial / STARTS).exists()
        pod.terminate()
        assert pod.wait(30) == 130
    assert not (trial / STARTS).exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "code", "tidied_up"), [("tuner", 130, True), ("trainer", -signal.SIGTERM, False)]
)
def test_a_search_in_its_own_step_is_interrupted_and_another_step_is_ended(
    tmp_path, module, code, tidied_up
):
    (tmp_path / f"{module}.py").write_text(EXECUTOR)
    given = {"outputs": {"outputFile": str(tmp_path / "out.json")}}
    command = [
        sys.executable,
        "-m",
        "kfp.entrypoint",
        f"--executor_class_path={module}.Executor",
        f"--json_serialized_invocation_args={json.dumps(given)}",
    ]
    environment = os.environ | {"PYTHONPATH": str(tmp_path), "_KFP_RUNTIME": "true"}
    begun, log = tmp_path / "begun", tmp_path / "log"
    with (
        log.open("wb") as output,
        ended(Fork(command, env=environment, stdin=subprocess.DEVNULL, stderr=output)) as step,
    ):
        wait_for(begun.exists, processes=[step])
        os.kill(step.pid, signal.SIGTERM)
        assert step.wait(30) == code, log.read_text()
    assert begun.exists() != tidied_up
    assert "Traceback" not in log.read_text()
