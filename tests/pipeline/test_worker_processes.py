"""Processes that train together are started, watched, started again and ended as one."""

import json
import logging
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from failures import Failure
from pipeline.worker_processes import check, run_together, shares_of_gpus
from settings.workers import Workers
from tests.processes import wait_for

PROJECT = Path(__file__).resolve().parents[2]
# A worker without TensorFlow: it notes that it started, and then does what the test says.
WORKER = """
import json, logging, os, signal, sys, time
from pathlib import Path
from components.trainer.cluster import WorkerLost, place
from failures import Failure
from pipeline.worker_processes import as_worker

folder, number = Path(sys.argv[1]), place(os.environ).number
with open(folder / "starts", "a") as file:
    file.write(f"{number} {os.getpid()} {os.environ['TF_CONFIG']}\\n")

def starts(of=number):
    lines = (folder / "starts").read_text().splitlines()
    return sum(line.startswith(f"{of} ") for line in lines)

def both_started():
    # Who ends before the other has noted its start leaves it one start behind.
    while starts(1 - number) < starts():
        time.sleep(0.01)

def killed():
    both_started()
    os.kill(os.getpid(), signal.SIGKILL)

def others_lost():
    both_started()
    raise WorkerLost("another worker is gone")

def work(number):
    %s

sys.exit(as_worker(work, folder))
"""


@pytest.fixture
def together(tmp_path):
    """A function (body of a worker, workers, restarts) that runs them."""

    def run(body, workers=2, restarts=3):
        settings = Workers(workers=workers, worker_restarts=restarts)
        command = [sys.executable, "-c", WORKER % body, str(tmp_path)]
        run_together(command, settings, tmp_path, lambda number: tmp_path / f"{number}.log")

    return run


def starts(folder, number):
    lines = (folder / "starts").read_text().splitlines()
    return [line.split(" ", 2) for line in lines if line.startswith(f"{number} ")]


@pytest.mark.slow
def test_each_worker_is_told_its_number_and_where_all_of_them_are(together, tmp_path):
    together("print('in the log', file=sys.stderr)", workers=3)
    told = [json.loads(starts(tmp_path, number)[0][2]) for number in range(3)]
    assert [one["task"] for one in told] == [{"type": "worker", "index": n} for n in range(3)]
    [cluster] = {json.dumps(one["cluster"]) for one in told}
    assert len(set(json.loads(cluster)["worker"])) == 3
    assert (tmp_path / "2.log").read_text() == "in the log\n"


@pytest.mark.slow
def test_when_one_is_killed_all_start_again(together, tmp_path):
    together("starts() == 1 and (killed() if number else time.sleep(1) or others_lost())")
    assert [len(starts(tmp_path, number)) for number in range(2)] == [2, 2]


@pytest.mark.slow
def test_one_that_hangs_without_the_lost_one_is_ended_and_starts_again(
    together, tmp_path, monkeypatch
):
    monkeypatch.setattr("pipeline.worker_processes._LAST_WORDS", 0.2)
    together("starts() == 1 and (killed() if number else time.sleep(600))")
    assert [len(starts(tmp_path, number)) for number in range(2)] == [2, 2]


@pytest.mark.slow
def test_restarts_end_in_one_line_that_names_who_was_lost(together, tmp_path):
    with pytest.raises(Failure) as failed:
        together("killed() if number else others_lost()", restarts=1)
    assert str(failed.value) == (
        f"worker 1 was killed by signal 9, after 1 restart. See {tmp_path}; "
        "training.worker_restarts sets how often workers start again."
    )
    assert len(starts(tmp_path, 1)) == 2


@pytest.mark.slow
def test_what_the_user_can_mend_ends_all_without_a_restart(together, tmp_path):
    with pytest.raises(Failure, match=r"^The loss is not a number\. \(worker 1; its log is "):
        together("""
    both_started()
    if number:
        raise Failure("The loss is not a number.")
    time.sleep(600)""")
    assert len(starts(tmp_path, 0)) == 1


def test_a_worker_that_cannot_start_is_not_started_again(tmp_path):
    command = [sys.executable, "-c", "import no_such_module"]
    with pytest.raises(Failure, match=r"worker 0 ended without a message\. Its log is "):
        run_together(command, Workers(workers=2), tmp_path, lambda n: tmp_path / f"{n}.log")
    assert "no_such_module" in (tmp_path / "0.log").read_text()


def test_the_first_workers_progress_is_shown_as_this_processs_own(together, caplog):
    caplog.set_level(logging.INFO, "steadyfeed.progress")
    together("""
    logger = logging.getLogger("steadyfeed.progress")
    logger.setLevel(logging.INFO)
    logger.info("epoch %d", number, extra={"completed": 0.5})
    print("what a library prints")""")

    def shown():
        return [(r.getMessage(), r.completed) for r in caplog.records if "epoch" in r.getMessage()]

    wait_for(shown)
    assert shown() == [("epoch 0", 0.5)]


# Stands for the pipeline's own process.
PARENT = """
import sys
from pathlib import Path
from pipeline.worker_processes import run_together
from settings.workers import Workers

folder = Path(sys.argv[1])
command = [sys.executable, "-c", sys.argv[2], str(folder)]
run_together(command, Workers(workers=2), folder, lambda number: folder / f"{number}.log")
"""


@pytest.mark.slow
@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGKILL])
def test_all_workers_end_with_the_process_that_started_them(tmp_path, by):
    words = [sys.executable, "-c", PARENT, str(tmp_path), WORKER % "time.sleep(600)"]
    environment = os.environ | {"PYTHONPATH": str(PROJECT)}
    started = tmp_path / "starts"
    with subprocess.Popen(words, env=environment, stderr=subprocess.DEVNULL) as parent:
        try:
            wait_for(lambda: started.exists() and len(started.read_text().splitlines()) == 2)
            parent.send_signal(by)
            parent.wait(30)
        finally:
            parent.kill()
    pids = [int(line.split()[1]) for line in started.read_text().splitlines()]
    wait_for(lambda: not any(map(runs, pids)))


def runs(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.mark.parametrize(
    ("visible", "shares"),
    [
        ("0,1,2,3", ["0,2", "1,3"]),
        ("0, 1", ["0", "1"]),
        ("0,1,-1,2", ["0", "1"]),  # CUDA looks no further than the first that is none.
        ("GPU-a,GPU-b", ["GPU-a", "GPU-b"]),
        ("", [None, None]),
        ("-1", [None, None]),
    ],
)
def test_workers_of_one_machine_share_its_gpus(visible, shares):
    assert shares_of_gpus({"CUDA_VISIBLE_DEVICES": visible}, 2) == shares


@pytest.mark.parametrize(
    ("workers", "visible", "said"),
    [
        (3, "0,1", r"training\.workers: 3 on a machine with 2 visible GPUs; allowed: 1, 2, "),
        (2, "0,1,2", r"training\.workers: 2 on a machine with 3 visible GPUs; allowed: 1, 3, "),
        (2, "0", r"training\.workers: 2 on a machine with 1 visible GPU; allowed: 1, "),
    ],
)
def test_workers_that_cannot_share_the_gpus_equally_are_refused_before_the_run(
    workers, visible, said
):
    with pytest.raises(Failure, match=said):
        check(Workers(workers=workers), {"CUDA_VISIBLE_DEVICES": visible})


def test_workers_that_someone_else_started_are_refused_before_the_run():
    with pytest.raises(Failure, match=r"TF_CONFIG is set, and training\.workers is 2"):
        check(Workers(workers=2), {"TF_CONFIG": "{}"})
    check(Workers(workers=1), {"TF_CONFIG": "{}"})
