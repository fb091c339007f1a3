"""A step whose work is done by several workers: hands over its inputs, takes back their outputs.

Kubeflow's launcher brings the step's inputs to its own pod and takes the outputs from there. The
workers' pods have no launcher, so the files go through a folder that all of them see. It is the
same one for every attempt at the step, and holds the inputs until the step has succeeded: a further
attempt copies nothing again, and goes on from the checkpoint. Where none comes within a week, the
next training removes them.
"""

import contextlib
import copy
import functools
import json
import logging
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from failures import Failure
from files import writing
from files.strict_json import text_of
from kfp.entrypoint import LOG_OUTPUT
from kfp.launcher_paths import ROOT_VARIABLE, is_object_store, local_path
from kfp.worker_job import name_of, named
from pipeline.worker_processes import failure_of, run_together
from settings.workers import Workers

HANDED_OVER, STEP_IS_HERE = "step.json", "step_is_here"
_COPIES_AT_ONCE = 16
_LAST_LINES = 40
_KEPT_SECONDS = 7 * 86400.0  # for a retry, once a step has failed or its run was stopped
_log = logging.getLogger(__name__)


def train_together(executor, executor_input, inputs_spec, flags, template: Mapping) -> None:
    """Does what `entrypoint.run` does, by workers.

    Args:
      executor, executor_input, inputs_spec: as for `entrypoint.run`.
      template: of `worker_job.template`.

    Raises:
      Failure: a worker raised one, workers were lost too often, or Kubernetes refuses the Job.
    """
    name = name_of(_identity(executor_input))
    folder = _shared_folder(executor_input) / name
    folder.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(folder.parent)
    given = _bring_inputs(executor_input, folder)
    for left in (*folder.glob("failure-*"), *folder.glob("output-*")):
        left.unlink()
    step = {
        "executor": executor,
        "executor_input": given,
        "inputs_spec": inputs_spec,
        "flags": flags,
    }
    writing.write(folder / HANDED_OVER, text_of(step))
    with _ended_by_sigterm():
        _run(template, name, folder)
    _take_outputs(executor_input, given, folder)
    writing.remove(str(folder))


def log_of(folder: Path, number: int) -> Path:
    """Where a worker's log lies."""
    return folder / f"worker-{number}.log"


def output_of(folder: Path, number: int) -> Path:
    """The output file of a worker; the first one's is the step's."""
    return folder / f"output-{number}.json"


def still_here(folder: Path) -> None:
    """Records that the step still waits for its workers; they end when it no longer does."""
    try:
        writing.write(folder / STEP_IS_HERE, str(time.time()))
    except Failure as failure:  # The next one may succeed; the workers allow minutes.
        _log.warning("%s", failure)


def _run(template: Mapping, name: str, folder: Path) -> None:
    job = template["job"]["spec"]
    workers = Workers(workers=job["completions"], worker_restarts=job["backoffLimitPerIndex"])
    if _without_a_cluster():
        command = [sys.executable, "-m", "kfp.worker", str(folder)]
        run_together(command, workers, folder, lambda number: log_of(folder, number))
        return
    from kfp.worker_cluster import Cluster  # It imports Kubernetes' client.

    try:
        objects = named(template, name, str(folder), _this_pod())
        Cluster.of_this_pod().run(objects, functools.partial(still_here, folder))
    except Failure as failure:
        raise _explained(failure, folder, workers.workers) from None
    finally:
        _keep_logs(folder, workers.workers)


def _without_a_cluster() -> bool:
    """Whether this is a step of `run-package`."""
    return ROOT_VARIABLE in os.environ


def _explained(failure: Failure, folder: Path, count: int) -> Failure:
    """The worker's own error, if there is one; it says more than the Job's status."""
    for number in range(count):
        said = failure_of(folder, number)
        if said.exists():
            return Failure(f"{said.read_text()} (worker {number})")
    return failure


def _keep_logs(folder: Path, count: int) -> None:
    """Copies the ends of the workers' logs into the step's own, which Kubeflow keeps."""
    for number in range(count):
        with contextlib.suppress(OSError):
            lines = log_of(folder, number).read_text(errors="replace").splitlines()
            end = "\n".join(lines[-_LAST_LINES:])
            _log.info("the end of worker %d's log:\n%s", number, end)


def _this_pod() -> dict | None:
    """The owner of the Job, which is deleted together with the step's pod."""
    name, uid = (os.environ.get(variable) for variable in ("KFP_POD_NAME", "KFP_POD_UID"))
    return name and uid and {"apiVersion": "v1", "kind": "Pod", "name": name, "uid": uid}


def _identity(executor_input: Mapping) -> str:
    """The run and the task, of which an output's address ends with <attempt>/<artifact>."""
    addresses = sorted(
        record["uri"].rsplit("/", 2)[0]
        for made in executor_input["outputs"]["artifacts"].values()
        for record in made["artifacts"]
    )
    return addresses[0]


def _shared_folder(executor_input: Mapping) -> Path:
    """Beside the checkpoints, which all workers have to see as well."""
    checkpoints = executor_input["inputs"]["parameterValues"]["checkpoint_dir"]
    return Path(checkpoints).parent / "workers"


def _remove_abandoned(workers: Path) -> None:
    """Removes the copies of steps that failed and were not retried: they take a data set's room."""
    for folder in workers.iterdir():
        with contextlib.suppress(OSError):  # Another step removes it too, or it has just ended.
            used = max(file.stat().st_mtime for file in (folder, *folder.iterdir()))
            if time.time() - used > _KEPT_SECONDS:
                writing.remove(folder)


def _bring_inputs(executor_input: Mapping, folder: Path) -> dict:
    """Copies the inputs and gives the ExecutorInput with the places of the folder."""
    given = copy.deepcopy(dict(executor_input))
    given["outputs"]["artifacts"].pop(LOG_OUTPUT, None)
    for key, made in given["inputs"].get("artifacts", {}).items():
        for number, record in enumerate(made.get("artifacts", [])):
            if is_object_store(record["uri"]):
                there = folder / "inputs" / f"{key}-{number}"
                _copy(Path(local_path(record["uri"])), there)
                record["uri"] = str(there)
    for key, made in given["outputs"]["artifacts"].items():
        for number, record in enumerate(made["artifacts"]):
            record["uri"] = str(folder / "outputs" / f"{key}-{number}")
    return given


def _take_outputs(executor_input: Mapping, given: Mapping, folder: Path) -> None:
    for key, made in given["outputs"]["artifacts"].items():
        asked = executor_input["outputs"]["artifacts"][key]["artifacts"]
        for record, original in zip(made["artifacts"], asked, strict=True):
            _copy(Path(record["uri"]), Path(local_path(original["uri"])))
    content = json.loads(output_of(folder, 0).read_text())
    output_file = executor_input["outputs"]["outputFile"]
    writing.write(local_path(output_file), text_of(content, sort_keys=True))


def _copy(source: Path, target: Path) -> None:
    """Copies files that are not there yet: a file's time is part of what a checkpoint knows."""
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


@contextlib.contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """A run that is stopped sends SIGTERM: the workers must not outlive it."""

    def stop(*_):
        raise Failure("the run was stopped, and its workers were ended.")

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
