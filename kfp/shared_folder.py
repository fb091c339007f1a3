"""The folder that a step shares with the pods beside it, and what the step tells them there.

Kubeflow's launcher brings the step's inputs to its own pod and takes the outputs from there. Other
pods have no launcher, so files go through a folder that all of them see. It is the same one for
every attempt at the step, and holds the inputs until the step has succeeded: a further attempt
copies nothing again, and goes on from the checkpoint. Where none comes within a week, the next step
of that kind removes them.
"""

import contextlib
import copy
import logging
import os
import shutil
import signal
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from failures import Failure
from files import writing
from kfp.indexed_job import name_of
from kfp.launcher_paths import ROOT_VARIABLE, is_object_store, local_path, step_address
from pipeline.worker_processes import failure_of

STEP_IS_HERE = "step_is_here"
_COPIES_AT_ONCE = 16
_LAST_LINES = 40
_KEPT_SECONDS = 7 * 86400.0  # for a retry, once a step has failed or its run was stopped
_log = logging.getLogger(__name__)


class Entered(NamedTuple):
    """What a step has put into its folder."""

    name: str  # of its objects in Kubernetes, the same for every attempt
    folder: Path
    executor_input: dict  # with the inputs' places there


def enter(kind: str, executor_input: Mapping) -> Entered:
    """Copies the inputs of a step into its folder; `kind` of its pods tells steps apart."""
    name = name_of(kind, step_address(executor_input))
    folder = _folder_of(executor_input, name)
    return Entered(name, folder, _with_inputs_in(folder, executor_input))


def _folder_of(executor_input: Mapping, name: str) -> Path:
    """Beside the checkpoints, which all workers have to see as well; it is made if missing."""
    checkpoints = executor_input["inputs"]["parameterValues"]["checkpoint_dir"]
    folder = Path(checkpoints).parent / "workers" / name
    folder.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(folder.parent)
    return folder


def _remove_abandoned(workers: Path) -> None:
    """Removes the copies of steps that failed and were not retried: they take a data set's room."""
    for folder in workers.iterdir():
        with contextlib.suppress(OSError):  # Another step removes it too, or it has just ended.
            used = max(file.stat().st_mtime for file in (folder, *folder.iterdir()))
            if time.time() - used > _KEPT_SECONDS:
                writing.remove(folder)


def _with_inputs_in(folder: Path, executor_input: Mapping) -> dict:
    """Copies the inputs, and gives the ExecutorInput with their places in the folder."""
    given = copy.deepcopy(dict(executor_input))
    for key, made in given["inputs"].get("artifacts", {}).items():
        for number, record in enumerate(made.get("artifacts", [])):
            if is_object_store(record["uri"]):
                there = folder / "inputs" / f"{key}-{number}"
                copy_files(Path(local_path(record["uri"])), there)
                record["uri"] = str(there)
    return given


def copy_files(source: Path, target: Path) -> None:
    """Copies files that are not there yet: an earlier attempt may have copied many."""
    files = [file for file in source.rglob("*") if file.is_file()]

    def copy_one(file: Path) -> None:
        there = target / file.relative_to(source)
        if there.exists() and there.stat().st_size == file.stat().st_size:
            return
        there.parent.mkdir(parents=True, exist_ok=True)
        unfinished = there.with_name(f"{there.name}.unfinished")
        shutil.copyfile(file, unfinished)
        unfinished.replace(there)

    target.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(_COPIES_AT_ONCE) as threads:
        list(threads.map(copy_one, files))


def remove(folder: Path) -> None:
    """Removes the folder of a step that has succeeded.

    On NFS this fails while a pod that is ending still has a file open. The step counts for more,
    and a later one of its kind removes what is left.
    """
    try:
        writing.remove(str(folder))
    except OSError as error:
        _log.warning("%s stays for now: %s", folder, error)


def log_of(folder: Path, number: int) -> Path:
    """Where a pod's log lies."""
    return folder / f"worker-{number}.log"


def still_here(folder: Path) -> None:
    """Records that the step still needs its pods; they end when it no longer does."""
    try:
        writing.write(folder / STEP_IS_HERE, str(time.time()))
    except Failure as failure:  # The next one may succeed; the pods allow minutes.
        _log.warning("%s", failure)


def keep_logs(folder: Path, what: str, count: int) -> None:
    """Copies the ends of the pods' logs into the step's own, which Kubeflow keeps."""
    for number in range(count):
        with contextlib.suppress(OSError):
            lines = log_of(folder, number).read_text(errors="replace").splitlines()
            end = "\n".join(lines[-_LAST_LINES:])
            _log.info("the end of %s %d's log:\n%s", what, number, end)


def failure_in(folder: Path, what: str, count: int) -> Failure | None:
    """The error that a pod has left there, if there is one; it says more than its Job's status."""
    for number in range(count):
        said = failure_of(folder, number)
        if said.exists():
            return Failure(f"{said.read_text()} ({what} {number})")
    return None


def without_a_cluster() -> bool:
    """Whether this is a step of `run-package`."""
    return ROOT_VARIABLE in os.environ


def this_pod() -> dict | None:
    """The owner of the objects that a step makes, which are deleted together with its pod."""
    name, uid = (os.environ.get(variable) for variable in ("KFP_POD_NAME", "KFP_POD_UID"))
    return name and uid and {"apiVersion": "v1", "kind": "Pod", "name": name, "uid": uid}


@contextlib.contextmanager
def ended_by_sigterm() -> Iterator[None]:
    """A run that is stopped sends SIGTERM: the pods must not outlive it."""

    def stop(*_):
        raise Failure("the run was stopped, and its workers were ended.")

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
