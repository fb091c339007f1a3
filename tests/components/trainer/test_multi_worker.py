"""Two devices and two worker processes train as one device does; a lost worker is told."""

import hashlib
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from components.failure import Failure
from components.trainer.checkpoints import Checkpoints
from components.trainer.devices import choose, is_chief
from components.trainer.training_parameters import TrainingParameters
from components.trainer.workers import validation_batch_size

TOLERANCE = 1e-4  # relative, of every loss and accuracy
EPOCHS = 12  # enough that a training is in their midst when a worker is killed
_ROOT = Path(__file__).resolve().parents[3]
_PROCESS = Path(__file__).with_name("trainer_process.py")


@pytest.fixture(scope="module")
def start(digits, make_properties, tmp_path_factory):
    """Starts Trainer in a process of its own; its output goes to `<out>.log`."""
    started = []

    def starting(out: Path, logical_devices=1, tf_config=None, **properties) -> subprocess.Popen:
        task = {
            "inputs": str(digits.folder),
            "out": str(out),
            "logical_devices": logical_devices,
            "properties": make_properties(**properties),
        }
        environment = {name: value for name, value in os.environ.items() if name != "TF_CONFIG"}
        environment["PYTHONPATH"] = str(_ROOT)
        if tf_config:
            environment["TF_CONFIG"] = json.dumps(tf_config)
        with open(f"{out}.log", "w") as log:
            started.append(
                subprocess.Popen(
                    [sys.executable, str(_PROCESS), json.dumps(task)],
                    cwd=_ROOT,
                    env=environment,
                    stdout=log,
                    stderr=log,
                )
            )
        return started[-1]

    yield starting
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def start_two(start):
    """Starts two workers on loopback, which write below `folder`."""

    def starting(folder: Path, **properties) -> list[subprocess.Popen]:
        folder.mkdir(exist_ok=True)
        addresses = [f"127.0.0.1:{port}" for port in free_ports(2)]
        return [
            start(
                folder / f"worker_{index}",
                tf_config={
                    "cluster": {"worker": addresses},
                    "task": {"type": "worker", "index": index},
                },
                **properties,
            )
            for index in range(2)
        ]

    return starting


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for listening in sockets:
        listening.bind(("127.0.0.1", 0))
    ports = [listening.getsockname()[1] for listening in sockets]
    for listening in sockets:
        listening.close()
    return ports


def ended(process: subprocess.Popen, out: Path, seconds: float = 120) -> str:
    """The output of a process, which is to end well."""
    code = process.wait(seconds)
    log = Path(f"{out}.log").read_text()
    assert code == 0, log[-3000:]
    return log


def metrics(out: Path) -> list[tuple[float, ...]]:
    names = ("loss", "accuracy", "validation_loss", "validation_accuracy")
    epochs = json.loads((out / "model_run" / "history.json").read_text())["epochs"]
    return [tuple(epoch[name] for name in names) for epoch in epochs]


def history(out: Path) -> dict:
    return json.loads((out / "model_run" / "history.json").read_text())


@pytest.mark.slow
def test_two_devices_train_as_one_does(trained, start, tmp_path):
    out = tmp_path / "two"
    ended(start(out, logical_devices=2), out)
    np.testing.assert_allclose(metrics(out), trained.metrics, rtol=TOLERANCE)
    assert history(out)["devices"] == "2 CPUs, float32"


@pytest.mark.slow
def test_two_workers_train_as_one_does_and_the_first_writes(trained, start_two, tmp_path):
    workers = start_two(tmp_path)
    for index, process in enumerate(workers):
        ended(process, tmp_path / f"worker_{index}")
    chief = tmp_path / "worker_0"
    np.testing.assert_allclose(metrics(chief), trained.metrics, rtol=TOLERANCE)
    assert (chief / "model" / "Format-Serving" / "saved_model.pb").exists()
    assert not (tmp_path / "worker_1").exists()


@pytest.mark.slow
def test_a_killed_worker_ends_the_other_and_a_restart_goes_on(train_in, start_two, tmp_path):
    checkpoints = tmp_path / "checkpoints"
    properties = {
        "epochs": EPOCHS, "checkpoint_dir": checkpoints, "checkpoint_every_steps": 5
    }  # fmt: skip
    workers = start_two(tmp_path / "first", **properties)
    wait_for_checkpoint(checkpoints, workers)
    workers[1].kill()
    assert workers[0].wait(60) == 1
    log = (tmp_path / "first" / "worker_0.log").read_text()
    [told] = [line for line in log.splitlines() if line.startswith("Failure: ")]
    assert "another worker is gone" in told
    assert "Start all workers again" in told
    assert "Traceback" not in log
    assert not list(tmp_path.glob("first/*/model/Format-Serving"))
    [folder] = checkpoints.iterdir()
    reached = Checkpoints(str(folder), None, 1).read().step

    workers = start_two(tmp_path / "again", **properties)
    for index, process in enumerate(workers):
        ended(process, tmp_path / "again" / f"worker_{index}")
    chief = tmp_path / "again" / "worker_0"
    assert history(chief)["resumed_at_step"] == reached > 0
    whole = train_in("whole", epochs=EPOCHS)
    np.testing.assert_allclose(metrics(chief), whole.metrics, rtol=1e-3, atol=1e-5)


def wait_for_checkpoint(checkpoints: Path, processes: list, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not list(checkpoints.glob("*/checkpoint")):
        assert all(process.poll() is None for process in processes), "ended by themselves"
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.slow
def test_two_processes_with_op_determinism_end_with_identical_weights(start, tmp_path):
    outs = [tmp_path / name for name in ("one", "two")]
    processes = [start(out, deterministic=True, epochs=1) for out in outs]
    for process, out in zip(processes, outs, strict=True):
        ended(process, out)
    variables = [
        out / "model" / "Format-Serving" / "variables" / "variables.data-00000-of-00001"
        for out in outs
    ]
    hashes = {hashlib.sha256(file.read_bytes()).hexdigest() for file in variables}
    assert len(hashes) == 1


def test_the_chief_is_the_worker_that_writes():
    cluster = {"chief": ["a:1"], "worker": ["b:1"]}
    chief, worker = (
        json.dumps({"cluster": cluster, "task": {"type": kind, "index": 0}})
        for kind in ("chief", "worker")
    )
    assert is_chief({"TF_CONFIG": chief})
    assert not is_chief({"TF_CONFIG": worker})
    assert is_chief({})


@pytest.mark.parametrize(
    ("tf_config", "message"),
    [
        ("no JSON", "TF_CONFIG is no JSON object"),
        ("[]", "TF_CONFIG is no JSON object"),
        ('{"cluster": {"worker": ["a:1", "b:1"]}, "task": {}}', "TF_CONFIG is no JSON object"),
        (
            '{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "ps", "index": 0}}',
            "the task 'ps'. Allowed: chief, worker.",
        ),
    ],
)
def test_a_tf_config_that_cannot_be_used_is_told_in_one_line(tf_config, message):
    with pytest.raises(Failure) as told:
        choose(TrainingParameters(), {"TF_CONFIG": tf_config})
    assert message in str(told.value)
    assert "\n" not in str(told.value)


def test_no_worker_has_an_empty_share_of_a_validation_batch():
    for workers in (1, 2, 3):
        for examples in range(workers, 40):
            for batch_size in range(workers, 20, workers):
                size = validation_batch_size(examples, batch_size, workers)
                assert size % workers == 0
                assert (examples % size or size) >= workers
