"""A step whose work is done by several workers: hands over its inputs, takes back their outputs."""

import functools
import json
import sys
from collections.abc import Mapping
from pathlib import Path

from failures import Failure
from files import writing
from files.strict_json import text_of
from kfp import shared_folder
from kfp.entrypoint import LOG_OUTPUT
from kfp.launcher_paths import local_path
from kfp.worker_job import named
from pipeline.worker_processes import run_together
from settings.workers import Workers

HANDED_OVER = "step.json"
_DONE = "done"  # The workers have ended well, and all that they made lies in the folder.


def train_together(executor, executor_input, inputs_spec, flags, template: Mapping) -> None:
    """Does what `entrypoint.run` does, by workers.

    Args:
      executor, executor_input, inputs_spec: as for `entrypoint.run`.
      template: of `worker_job.template`.

    Raises:
      Failure: a worker raised one, workers were lost too often, or Kubernetes refuses the Job.
    """
    name, folder, given = shared_folder.enter("workers", executor_input)
    given = _with_outputs_in(folder, given)
    done = folder / _DONE
    if not done.exists():
        for left in (*folder.glob("failure-*"), *folder.glob("output-*")):
            left.unlink()
        step = {
            "executor": executor,
            "executor_input": given,
            "inputs_spec": inputs_spec,
            "flags": flags,
        }
        writing.write(folder / HANDED_OVER, text_of(step))
        with shared_folder.ended_by_sigterm():
            _run(template, name, folder)
        writing.write(done, "")
    _take_outputs(executor_input, given, folder)
    done.unlink()  # First: what is removed by half is for no attempt to take.
    shared_folder.remove(folder)


def output_of(folder: Path, number: int) -> Path:
    """The output file of a worker; the first one's is the step's."""
    return folder / f"output-{number}.json"


def _run(template: Mapping, name: str, folder: Path) -> None:
    job = template["job"]["spec"]
    workers = Workers(workers=job["completions"], worker_restarts=job["backoffLimitPerIndex"])
    if shared_folder.without_a_cluster():
        command = [sys.executable, "-m", "kfp.worker", str(folder)]
        run_together(command, workers, folder, lambda number: shared_folder.log_of(folder, number))
        return
    from kfp.worker_cluster import Cluster  # It imports Kubernetes' client.

    try:
        objects = named(template, name, str(folder), shared_folder.this_pod())
        Cluster.of_this_pod().run(objects, functools.partial(shared_folder.still_here, folder))
    except Failure as failure:
        said = shared_folder.failure_in(folder, "worker", workers.workers)
        raise said or failure from None
    finally:
        shared_folder.keep_logs(folder, "worker", workers.workers)


def _with_outputs_in(folder: Path, given: dict) -> dict:
    given["outputs"]["artifacts"].pop(LOG_OUTPUT, None)
    for key, made in given["outputs"]["artifacts"].items():
        for number, record in enumerate(made["artifacts"]):
            record["uri"] = str(folder / "outputs" / f"{key}-{number}")
    return given


def _take_outputs(executor_input: Mapping, given: Mapping, folder: Path) -> None:
    for key, made in given["outputs"]["artifacts"].items():
        asked = executor_input["outputs"]["artifacts"][key]["artifacts"]
        for record, original in zip(made["artifacts"], asked, strict=True):
            shared_folder.copy_files(Path(record["uri"]), Path(local_path(original["uri"])))
    content = json.loads(output_of(folder, 0).read_text())
    output_file = executor_input["outputs"]["outputFile"]
    writing.write(local_path(output_file), text_of(content, sort_keys=True))
