"""Several devices and worker processes train as one device does; a lost worker is reported."""

import concurrent.futures
import json
import os
import re
import signal
import socket
import time
from pathlib import Path

import numpy as np
import pytest
from tensorflow.python.framework import config
from tfx.types import standard_artifacts

from components.free_ports import free_ports
from components.trainer.workers import await_peers, validation_batch_size
from failures import Failure
from tests import graphs
from tests.components.trainer import trainer_process
from tests.components.trainer.conftest import LINEAR, ONE_BLOCK, Run
from tests.processes import Process, wait_for
from tests.processes import start as start_process

TOLERANCE = 1e-4  # relative, of every loss and accuracy


@pytest.fixture(scope="module")
def start(digits, make_properties, tmp_path_factory):
    """Starts Trainer in a process of its own; its output goes to `<out>.log`."""
    started = []

    def starting(
        out: Path,
        logical_devices=1,
        tf_config=None,
        longest_step=300.0,
        before_export=0.0,
        **properties,
    ) -> Process:
        task = {
            "inputs": str(digits.folder),
            "out": str(out),
            "logical_devices": logical_devices,
            "longest_step": longest_step,
            "before_export": before_export,
            "properties": make_properties(**properties),
        }
        environment = dict(os.environ)
        if tf_config:
            environment["TF_CONFIG"] = json.dumps(tf_config)
        log = Path(f"{out}.log")
        started.append(start_process(trainer_process.main, task, log=log, environment=environment))
        return started[-1]

    yield starting
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def start_workers(start):
    """Starts workers on loopback, which write below `folder`; each has a checkpoint_dir."""

    def starting(
        folder: Path, checkpoints=None, limits_mb=None, count=2, probe=5.0, **properties
    ) -> list[Process]:
        folder.mkdir(exist_ok=True)
        cluster = {"worker": [f"127.0.0.1:{port}" for port in free_ports(count)]}
        checkpoints, limits_mb = checkpoints or [None] * count, limits_mb or [None] * count
        return [
            start(
                folder / f"worker_{index}",
                tf_config={"cluster": cluster, "task": {"type": "worker", "index": index}},
                checkpoint_dir=checkpoint_dir,
                input={"memory_limit_mb": limit_mb, "probe_seconds": probe},
                **properties,
            )
            for index, (checkpoint_dir, limit_mb) in enumerate(
                zip(checkpoints, limits_mb, strict=True)
            )
        ]

    return starting


def ended(process: Process, out: Path, seconds: float = 400) -> str:
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


# Two epochs, as each has an order of its own, of few steps, each of which takes workers long.
SHORT = {"model": ONE_BLOCK, "epochs": 2, "batch_size": 60}


@pytest.fixture(scope="module")
def alone(digits, train_once, tmp_path_factory) -> Run:
    """What one device makes of it, in this process and with the same bits each time."""
    try:
        with graphs.optimized():
            return train_once(
                digits.inputs, tmp_path_factory.mktemp("alone"), deterministic=True, **SHORT
            )
    finally:
        config.disable_op_determinism()


@pytest.mark.slow
def test_two_devices_train_as_one_does(alone, start, tmp_path):
    out = tmp_path / "two"
    ended(start(out, logical_devices=2, **SHORT), out)
    np.testing.assert_allclose(metrics(out), alone.metrics, rtol=TOLERANCE)
    assert history(out)["devices"] == "2 CPUs, float32"


@pytest.mark.slow
def test_workers_of_unequal_memory_train_as_one_does_to_the_same_weights_and_the_first_writes(
    alone, start_workers, tmp_path
):
    # Calls of several steps may last longer than any other wait.
    calls = {"steps_per_execution": 2, "longest_step": 0.01}
    workers = start_workers(tmp_path, limits_mb=(100, 0.001, 100), count=3, **calls, **SHORT)
    logs = [ended(process, tmp_path / f"worker_{index}") for index, process in enumerate(workers)]
    hashes = [line for log in logs for line in log.splitlines() if line.startswith("weights ")]
    assert len(hashes) == 3
    assert len(set(hashes)) == 1
    chief = tmp_path / "worker_0"
    np.testing.assert_allclose(metrics(chief), alone.metrics, rtol=TOLERANCE)
    assert (chief / "model" / "Format-Serving" / "saved_model.pb").exists()
    assert not (tmp_path / "worker_1").exists()
    assert "fit into the 104.8 MB allowed" in history(chief)["input"]
    # There was a sleeping thread for each sum over the workers, of which a step has many.
    threads = [int(count) for log in logs for count in re.findall(r"^threads (\d+)$", log, re.M)]
    assert len(threads) == 3
    assert max(threads) < 300


@pytest.mark.slow
def test_two_workers_that_measure_first_train_as_one_does(alone, start_workers, tmp_path):
    # So short a probe measures the smallest data.
    for index, process in enumerate(start_workers(tmp_path, probe=0.001, **SHORT)):
        ended(process, tmp_path / f"worker_{index}")
    chief = tmp_path / "worker_0"
    np.testing.assert_allclose(metrics(chief), alone.metrics, rtol=TOLERANCE)
    assert "is predicted to be" in history(chief)["input"]


# 120 steps: enough are left after the first checkpoint, which takes workers longer than steps do.
KEPT = {
    "model": LINEAR,
    "epochs": 2,
    "batch_size": 4,
    "schedule": "constant",
    "checkpoint_every_steps": 25,
}


@pytest.fixture(scope="module")
def killed(start_workers, tmp_path_factory) -> Path:
    """Where two workers wrote, with `checkpoints`, of whom the second one was killed.

    That they go on from there when they start again: test_local_workers.py.
    """
    folder = tmp_path_factory.mktemp("killed")
    workers = start_workers(folder, [folder / "checkpoints"] * 2, **KEPT)
    wait_for(lambda: list(folder.glob("checkpoints/*/checkpoint")), 120, workers)
    workers[1].kill()
    assert workers[0].wait(60) == 1
    return folder


def failure(log: Path) -> str:
    """The one line that a process ended with."""
    text = log.read_text()
    assert "Traceback" not in text
    [reported] = [line for line in text.splitlines() if line.startswith("Failure: ")]
    return reported


@pytest.mark.slow
def test_a_killed_worker_ends_the_other_in_one_line(killed):
    reported = failure(killed / "worker_0.log")
    assert "another worker is gone" in reported
    assert "Graph execution error" not in reported
    assert "Start all workers again" in reported
    assert not list(killed.glob("*/model/Format-Serving"))


@pytest.mark.slow
def test_a_worker_that_hangs_ends_the_other_in_one_line(start_workers, tmp_path):
    kept = {**KEPT, "longest_step": 5.0}
    workers = start_workers(tmp_path, [tmp_path / "checkpoints"] * 2, **kept)
    wait_for(lambda: list(tmp_path.glob("checkpoints/*/checkpoint")), 120, workers)
    os.kill(workers[1].pid, signal.SIGUSR1)

    assert workers[0].wait(120) == 1
    assert "another worker is gone or does not answer" in failure(tmp_path / "worker_0.log")


@pytest.mark.slow
def test_a_worker_waits_for_the_first_one_to_write_and_ends_when_that_is_killed(
    start_workers, tmp_path
):
    keys = {"model": LINEAR, "epochs": 1, "batch_size": 60, "before_export": 600.0}
    workers = start_workers(tmp_path, **keys)
    log = tmp_path / "worker_1.log"
    wait_for(lambda: log.exists() and "weights " in log.read_text(), 120, workers)
    time.sleep(1)
    assert [worker.poll() for worker in workers] == [None, None]
    workers[0].kill()
    assert workers[1].wait(60) == 1
    assert "another worker is gone" in failure(log)


@pytest.mark.slow
def test_workers_that_see_different_checkpoints_end_in_one_line_each(
    killed, start_workers, tmp_path
):
    folders = [killed / "checkpoints", tmp_path / "nothing"]
    for index, process in enumerate(start_workers(tmp_path, folders, **KEPT)):
        assert process.wait(60) == 1
        reported = failure(tmp_path / f"worker_{index}.log")
        assert re.search(r"the workers go on from the steps [1-9]\d*, 0\. Give", reported)
        assert "Give all workers a checkpoint_dir that all of them see." in reported


@pytest.mark.slow
def test_workers_that_compute_in_different_precisions_end_in_one_line_each(start, tmp_path):
    addresses = [f"127.0.0.1:{port}" for port in free_ports(2)]
    # As precision auto chooses for GPUs of different kinds.
    precisions = ("mixed_float16", "mixed_bfloat16")
    workers = [
        start(
            tmp_path / f"worker_{index}",
            tf_config={
                "cluster": {"worker": addresses},
                "task": {"type": "worker", "index": index},
            },
            model=LINEAR,
            precision=precision,
        )
        for index, precision in enumerate(precisions)
    ]
    for index, process in enumerate(workers):
        assert process.wait(60) == 1
        reported = failure(tmp_path / f"worker_{index}.log")
        assert "the workers compute in mixed_float16, mixed_bfloat16. Set training.pre" in reported


@pytest.mark.slow
@pytest.mark.parametrize("worker", [0, 1])
def test_a_worker_whose_peer_never_starts_says_which_one_in_bounded_time(start, tmp_path, worker):
    addresses = [f"127.0.0.1:{port}" for port in free_ports(2)]
    task = {"type": "worker", "index": worker}
    tf_config = {"cluster": {"worker": addresses}, "task": task}
    process = start(tmp_path / "alone", tf_config=tf_config, worker_wait_seconds=1)
    assert process.wait(60) == 1
    reported = failure(tmp_path / "alone.log")
    missing = 1 - worker
    assert f"for worker {missing} at {addresses[missing]}: no answer. Start all workers" in reported


def test_workers_that_start_at_different_times_find_each_other():
    addresses = [f"127.0.0.1:{port}" for port in free_ports(3)]
    with concurrent.futures.ThreadPoolExecutor() as threads:
        first = threads.submit(await_peers, addresses, 0, 30)
        time.sleep(0.1)
        assert not first.done()
        rest = [threads.submit(await_peers, addresses, worker, 30) for worker in (1, 2)]
        # Those that have found all others stand aside for TensorFlow's server, as here.
        servers = []
        for worker, found in enumerate([first, *rest]):
            found.add_done_callback(
                lambda _, worker=worker: servers.append(listen(addresses[worker]))
            )
        for found in (first, *rest):
            found.result(30)
    for server in servers:
        server.close()


def listen(address: str) -> socket.socket:
    host, port = address.split(":")
    return socket.create_server((host, int(port)))


@pytest.mark.slow
def test_a_worker_that_answered_once_and_is_gone_is_missed():
    addresses = [f"127.0.0.1:{port}" for port in free_ports(3)]
    with concurrent.futures.ThreadPoolExecutor() as threads:
        with listen(addresses[1]) as early:
            waiting = threads.submit(await_peers, addresses, 0, 3)
            early.accept()[0].close()
            time.sleep(0.5)
        reported = pytest.raises(Failure, match=f"for worker 1 at {addresses[1]}: no answer")
        with listen(addresses[2]), reported:
            waiting.result(30)


def test_a_port_that_is_taken_is_reported_in_one_line():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        addresses = [f"127.0.0.1:{port}" for port in (taken.getsockname()[1], *free_ports(1))]
        with pytest.raises(Failure, match="cannot listen at its address") as reported:
            await_peers(addresses, 0, 5)
    assert "\n" not in str(reported.value)


@pytest.mark.slow
def test_with_op_determinism_another_process_ends_with_identical_weights(
    alone, start, make_artifact, tmp_path
):
    out = tmp_path / "there"
    ended(start(out, deterministic=True, **SHORT), out)
    kinds = {"model": standard_artifacts.Model, "model_run": standard_artifacts.ModelRun}
    there = Run(**{name: make_artifact(kind, out / name) for name, kind in kinds.items()})
    assert alone.metrics == there.metrics
    weights = alone.weights()
    assert len(weights) == 7
    for mine, other in zip(weights, there.weights(), strict=True):
        np.testing.assert_array_equal(mine, other)


def test_no_worker_has_an_empty_share_of_a_validation_batch():
    for workers in (1, 2, 3):
        for examples in range(workers, 40):
            for batch_size in range(workers, 20, workers):
                size = validation_batch_size(examples, batch_size, workers)
                assert size % workers == 0
                assert (examples % size or size) >= workers
