"""A step that reserves a GPU computes on it, or ends: TensorFlow would take the CPU in silence."""

import os
import subprocess
import sys

import pytest

from components.tuner.search_lock import hold_search
from failures import Failure
from kfp import entrypoint, reserved_gpus, worker
from kfp.launcher_paths import ROOT_VARIABLE
from kfp.reserved_gpus import GPUS, check_reserved_gpus
from pipeline.worker_processes import failure_of
from tests.processes import ROOT

TRAINER = ["--component_id", "Trainer", "--json_serialized_invocation_args", "{}"]
TRAINER += ["--executor_class_path", "components.trainer.component.Trainer_Executor"]
TRIAL_POD = """
import pathlib, sys
from kfp import reserved_gpus, trial_pod
reserved_gpus._LOOKING = "print(0, 0)"
sys.exit(trial_pod.main(*map(pathlib.Path, sys.argv[1:])))
"""
SEES_NONE = "kubeflow.steps.{}.gpu: the pod reserves {}, and TensorFlow sees none"


@pytest.fixture
def seen(monkeypatch):
    """A function (whether TensorFlow is one for GPUs, how many it sees): in place of looking."""

    def see(for_gpus, number):
        monkeypatch.setattr(reserved_gpus, "_LOOKING", f"print({int(for_gpus)}, {number})")

    return see


@pytest.mark.slow
def test_a_step_whose_tensorflow_sees_no_gpu_ends_in_one_line(monkeypatch, capfd):
    monkeypatch.setenv(GPUS, "1")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert entrypoint.main(TRAINER) == 1
    [line] = [line for line in capfd.readouterr().err.splitlines() if line.startswith("Trainer")]
    assert line.startswith(f"Trainer failed: {SEES_NONE.format('Trainer', '1 GPU')}")
    assert "make image ACCELERATOR=gpu" in line


@pytest.mark.parametrize(
    ("for_gpus", "told"),
    [
        (False, ", as the image has TensorFlow for CPUs. Name in kubeflow.steps.Tuner.image"),
        (True, ". Check that the image has CUDA's libraries, as that of `make image ACCELERATOR"),
    ],
)
def test_the_line_names_what_the_image_lacks(for_gpus, told, seen, monkeypatch):
    seen(for_gpus, 0)
    monkeypatch.setenv(GPUS, "2")
    with pytest.raises(Failure) as refused:
        check_reserved_gpus("Tuner")
    assert str(refused.value).startswith(SEES_NONE.format("Tuner", "2 GPUs") + told)
    assert "\n" not in str(refused.value)


def test_a_step_that_sees_a_gpu_goes_on_and_run_package_needs_none(seen, monkeypatch):
    monkeypatch.setenv(GPUS, "2")
    for number in (2, 1):  # One, where both are slices of it.
        seen(True, number)
        check_reserved_gpus("Trainer")
    seen(True, 0)
    monkeypatch.setenv(ROOT_VARIABLE, "/pod")
    check_reserved_gpus("Trainer")


def test_what_keeps_tensorflow_from_starting_is_for_the_step_to_tell(monkeypatch):
    monkeypatch.setattr(reserved_gpus, "_LOOKING", "import there_is_no_such_module")
    monkeypatch.setenv(GPUS, "1")
    check_reserved_gpus("Trainer")


def test_a_worker_of_a_training_looks_in_its_own_pod(seen, monkeypatch, tmp_path):
    seen(False, 0)
    monkeypatch.setenv(GPUS, "1")
    with pytest.raises(Failure, match=r"^kubeflow\.steps\.Trainer\.gpu: the pod reserves 1 GPU"):
        worker.execute(tmp_path, 0)


@pytest.mark.slow
def test_a_pod_of_trials_looks_before_it_takes_any(tmp_path):
    command = [sys.executable, "-c", TRIAL_POD, str(tmp_path), str(tmp_path)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "JOB_COMPLETION_INDEX": "0", GPUS: "1"}
    with hold_search(tmp_path):
        done = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert done.returncode == Failure.exit_code
    told = failure_of(tmp_path, 0).read_text()
    assert told.startswith(SEES_NONE.format("Tuner", "1 GPU"))
