"""Workers of a training as processes of this machine: `run_together` starts and watches them,
and each is `as_worker`.

When one is lost, all start again from the checkpoint that they share. A worker ends with its
parent, even with one that was killed.
"""

import contextlib
import json
import logging
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from components.child_environment import (
    child_environment,
    end_with_the_parent,
    project_on_path,
)
from components.free_ports import free_ports
from components.trainer.cluster import WorkerLost, place, tf_config
from components.visible_gpus import visible_gpus
from failures import Failure, in_one_line
from files import writing
from files.strict_json import text_of
from settings.workers import Workers

_ASK_EVERY = 0.1  # seconds
# When one worker is lost the others fail too; this is the time that they get to log why.
_LAST_WORDS = 5.0  # seconds
_log = logging.getLogger(__name__)
_progress = logging.getLogger("steadyfeed.progress")


def run_together(
    command: Sequence[str], workers: Workers, folder: Path, log_of: Callable[[int], Path]
) -> None:
    """Runs `command` as several processes that find each other by TF_CONFIG, until all are done.

    Args:
      command: starts a process that calls `as_worker` with `folder`.
      folder: for this call only.
      log_of: the file to which the worker of a number writes; kept from start to start.

    Raises:
      Failure: a worker raised one, or workers were lost once more than `worker_restarts` allows.
    """
    count, restarts = workers.workers, workers.worker_restarts
    gpus = shares_of_gpus(os.environ, count)
    _log.info("%d workers; the log of the first one is %s", count, log_of(0))
    for restarted in range(restarts + 1):
        lost = _attempt(command, folder, log_of, gpus)
        if lost is None:
            return
        if restarted == restarts:
            break
        message = f"{lost}: all {count} start again from the last checkpoint"
        _log.warning("%s (restart %d of %d)", message, restarted + 1, restarts)
        _progress.info(message, extra={"completed": 0.0})
    raise Failure(
        f"{lost}, after {restarts} restart{'s' * (restarts != 1)}. See {log_of(0).parent}; "
        "training.worker_restarts sets how often workers start again."
    )


def check(workers: Workers, environment: Mapping[str, str]) -> None:
    """Refuses before a run what would end its training.

    Raises:
      Failure: there are fewer GPUs than workers, or others have started the workers already.
    """
    if workers.workers == 1:
        return
    if environment.get("TF_CONFIG"):
        raise Failure(
            f"TF_CONFIG is set, and training.workers is {workers.workers}: this command starts the "
            "workers by itself. Unset TF_CONFIG, or set training.workers to 1."
        )
    shares_of_gpus(environment, workers.workers)


def shares_of_gpus(environment: Mapping[str, str], count: int) -> list[str | None]:
    """CUDA_VISIBLE_DEVICES of each of `count` workers; None where there is no GPU to share.

    Raises:
      Failure: the workers cannot have equal numbers of GPUs, without which TensorFlow does not
        train with them.
    """
    gpus = visible_gpus(environment)
    if not gpus:
        return [None] * count
    if len(gpus) % count:
        equal = [str(n) for n in range(1, len(gpus) + 1) if not len(gpus) % n]
        raise Failure(
            f"training.workers: {count} on a machine with {len(gpus)} visible "
            f"GPU{'s' * (len(gpus) > 1)}; allowed: {', '.join(equal)}, which share them equally. "
            "One worker uses all GPUs; CUDA_VISIBLE_DEVICES chooses among them, and with -1 the "
            "workers train on the CPU."
        )
    return [",".join(gpus[number::count]) for number in range(count)]


def as_worker(work: Callable[[int], None], folder: Path) -> int:
    """Calls `work` with this worker's number, for `run_together`; returns the exit code."""
    end_with_the_parent()
    with _progress_to_the_parent():
        return exit_code_of(work, folder, place(os.environ).number)


def exit_code_of(work: Callable[[int], None], folder: Path, number: int) -> int:
    """Calls `work` as the worker of this number; a failure is left for `failure_of`."""
    try:
        work(number)
    except WorkerLost as lost:
        _log.error("%s", lost)
        return lost.exit_code
    except Exception as error:
        _log.exception("worker %d failed", number)
        writing.write(failure_of(folder, number), in_one_line(error))
        return Failure.exit_code
    return 0


def remove_begun(outputs: Iterable[str]) -> None:
    """Removes what an earlier first worker, which was lost, may have begun to write."""
    for uri in outputs:
        writing.remove(uri)


def failure_of(folder: Path, number: int) -> Path:
    """Where a worker leaves, in one line, why it failed."""
    return folder / f"failure-{number}"


def _attempt(command, folder: Path, log_of, gpus: Sequence[str | None]) -> str | None:
    """What was lost, in words; None where all ended well."""
    addresses = [f"127.0.0.1:{port}" for port in free_ports(len(gpus))]
    with contextlib.ExitStack() as started:
        processes = [
            started.enter_context(_started(command, addresses, number, gpu, log_of(number)))
            for number, gpu in enumerate(gpus)
        ]
        codes = _codes_at_the_end(processes)
    for number, code in enumerate(codes):
        failure = failure_of(folder, number)
        if failure.exists():
            raise Failure(f"{failure.read_text()} (worker {number}; its log is {log_of(number)})")
        if code == Failure.exit_code:
            raise Failure(f"worker {number} ended without a message. Its log is {log_of(number)}")
    lost = [number for number, code in enumerate(codes) if code not in (None, 0)]
    if not lost:
        return None
    # Those that miss another one are not what was lost.
    causes = [number for number in lost if codes[number] != WorkerLost.exit_code] or lost
    return ", ".join(f"worker {number} {_in_words(codes[number])}" for number in causes)


def _codes_at_the_end(processes: Sequence[subprocess.Popen]) -> list[int | None]:
    """Exit codes once all have ended or, shortly after one failed, as they are; None: it runs."""
    until = float("inf")
    while time.monotonic() < until:
        codes = [process.poll() for process in processes]
        if None not in codes:
            break
        if until == float("inf") and any(codes):
            until = time.monotonic() + _LAST_WORDS
        time.sleep(_ASK_EVERY)
    return codes


def _in_words(code: int) -> str:
    if code == WorkerLost.exit_code:
        return "lost the others"
    return f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"


@contextlib.contextmanager
def _started(command, addresses, number: int, gpu: str | None, log: Path) -> Iterator:
    # The working folder is the caller's, to which relative paths of the configuration belong.
    environment = project_on_path(child_environment())
    environment["TF_CONFIG"] = tf_config(addresses, number)
    if gpu is not None:
        environment["CUDA_VISIBLE_DEVICES"] = gpu
    with open(log, "ab") as output:
        process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE if number == 0 else subprocess.DEVNULL,
            stderr=output,
            start_new_session=True,  # Ctrl-C reaches the parent alone, which ends them all.
        )
    with process:
        try:
            if number == 0:
                threading.Thread(target=_show, args=(process.stdout,), daemon=True).start()
            yield process
        finally:
            process.kill()  # TensorFlow may ignore SIGTERM; what is written is written whole.


def _show(lines) -> None:
    """Reports the first worker's progress as this process's own."""
    with contextlib.suppress(ValueError, OSError):  # closed, or cut off by a kill
        for line in lines:
            try:
                said = json.loads(line)
                message, completed = said["message"], said["completed"]
            except (ValueError, TypeError, KeyError):
                continue  # A library wrote it before standard output was the parent's.
            _progress.info("%s", message, extra={"completed": completed})


class _Sender(logging.Handler):
    def __init__(self, stream):
        super().__init__()
        self._stream = stream

    def emit(self, record):
        said = {"message": record.getMessage(), "completed": getattr(record, "completed", None)}
        self._stream.write(text_of(said) + "\n")
        self._stream.flush()


@contextlib.contextmanager
def _progress_to_the_parent() -> Iterator[None]:
    """Standard output is the parent's; what libraries write there goes to the log."""
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as stream:
        os.dup2(2, 1)
        sender = _Sender(stream)
        _progress.addHandler(sender)
        try:
            yield
        finally:
            _progress.removeHandler(sender)
