"""Runs a compiled package on this machine, the way the open-source backend would.

Every step's own command runs in a fresh process. A folder stands in for the bucket: inputs
are copied from it, and outputs back to it after the step succeeded. So users can try a package
without a cluster and without Docker.
"""

import dataclasses
import datetime
import graphlib
import json
import shutil
import time
import uuid

from failures import ConfigurationError, Failure
from files import writing
from files.strict_json import text_of
from kfp.backend_driver import Made, cache_key, executor_input, survive
from kfp.backend_launcher import launch, run_in_a_process
from kfp.launcher_paths import is_object_store
from kfp.package_rules import read_package
from kfp.run_facts import RUN_ID, SCHEDULED_TIME
from kfp.run_values import mounted, run_values
from pipeline.outcome import Outcome


@dataclasses.dataclass(frozen=True)
class PackageRun:
    """The result of a run.

    Attributes:
      outcomes: an Outcome for each task up to the first failure, in order.
      made: {task: Made}, the records as the next step would read them.
    """

    outcomes: list[Outcome]
    made: dict[str, Made]

    @property
    def failed(self):
        return any(outcome.status == "failed" for outcome in self.outcomes)


def run_package(
    file,
    parameters,
    root,
    work,
    observe=lambda outcome: None,
    run_command=run_in_a_process,
    reuse=False,
) -> PackageRun:
    """Runs every task of the package in order, up to the first failure.

    Args:
      parameters: texts `name=value`.
      root: the pipeline root: minio://, s3:// or gs://.
      work: the folder for the stand-ins of bucket, pods, volumes and the backend's cache.
      reuse: whether that cache answers the steps that the package lets it answer.

    Raises:
      ConfigurationError: the backend would refuse the package, a parameter is wrong, or the
        root is not an object store.
    """
    if not is_object_store(root):
        raise ConfigurationError(
            f"--root {root}: not an object store; allowed: minio://, s3://, gs://"
        )
    spec, kubernetes = read_package(file)
    values = run_values(spec, parameters)
    run_id, work = str(uuid.uuid4()), work.absolute()
    address = f"{root.rstrip('/')}/{spec['pipelineInfo']['name']}/{run_id}"
    run = PackageRun([], {})
    created = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    # The backend gives a run that is started by hand the time of its creation.
    values |= {RUN_ID: run_id, SCHEDULED_TIME: created}
    tasks = spec["root"]["dag"]["tasks"]
    for task in _order(tasks):
        began = time.monotonic()
        pod = work / run_id / "pods" / task
        try:
            step = _prepare(task, spec, kubernetes, run, values, address, pod)
            reusable = reuse and tasks[task].get("cachingOptions")
            run.made[task], status = _run(*step, pod, work, run_command, reusable)
            outcome = Outcome(task, status, time.monotonic() - began, _said(run.made[task]))
        except Failure as cause:
            seconds = time.monotonic() - began
            outcome = Outcome(task, "failed", seconds, error=str(cause))
        run.outcomes.append(outcome)
        observe(outcome)
        if run.failed:
            break
    return run


def _order(tasks):
    graph = {name: task.get("dependentTasks", []) for name, task in sorted(tasks.items())}
    return graphlib.TopologicalSorter(graph).static_order()


def _prepare(task, spec, kubernetes, run, values, address, pod):
    """A task's ExecutorInput, its container's spec and its fields of the platform document."""
    task_spec = spec["root"]["dag"]["tasks"][task]
    component = spec["components"][task_spec["componentRef"]["name"]]
    label = component["executorLabel"]
    executor = spec["deploymentSpec"]["executors"][label]
    if "importer" in executor:
        raise Failure("an importer needs a bucket to import from. Run the package on a cluster.")
    given = executor_input(task_spec, component, run.made, values, address, pod)
    return given, executor["container"], kubernetes.get(label, {})


def _run(given, container, fields, pod, work, run_command, reusable):
    """(what a step made, "cached" or "ran")."""
    kept = work / "cache" / f"{cache_key(given, container, fields)}.json"
    if reusable and kept.exists():
        return Made(*json.loads(kept.read_text())), "cached"
    mounted(given["inputs"]["parameterValues"], fields, work / "volumes")
    left = launch(container, given, pod, work / "bucket", run_command)
    made = Made(_publish(left.artifacts), left.parameters)
    shutil.rmtree(pod)
    writing.write(kept, text_of(made))
    return made, "ran"


def _said(made):
    """The properties of a step's outputs, by output."""
    artifacts = {name: record["metadata"] for name, record in made.artifacts.items()}
    values = {name: {"summary": f"{name} {value}"} for name, value in made.parameters.items()}
    return artifacts | values


def _publish(outputs):
    """The records as ML Metadata returns them: an id for a name, and surviving metadata."""
    return {
        name: {
            "name": str(uuid.uuid4().int >> 66),  # an id below 2 ** 62, of its own in all runs
            "uri": record["uri"],
            "metadata": survive(record["metadata"])
            | {"display_name": name, "store_session_info": "{}"},
        }
        for name, record in sorted(outputs.items())
    }
