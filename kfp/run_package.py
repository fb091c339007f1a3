"""Runs a compiled package on this machine, the way the open-source backend would.

Every step's own command runs in a fresh process. A folder stands in for the bucket: inputs
are copied from it, and outputs back to it after the step succeeded. So users can try a package
without a cluster, without Docker and without a cache.
"""

import dataclasses
import graphlib
import itertools
import shutil
import time
import uuid

from failures import ConfigurationError, Failure
from kfp.backend_driver import executor_input, survive
from kfp.backend_launcher import ObjectStore, Pod, launch, run_in_a_process
from kfp.launcher_paths import is_object_store
from kfp.package_rules import read_package
from kfp.run_values import mounted, run_values


@dataclasses.dataclass(frozen=True)
class StepOutcome:
    task: str
    status: str  # "ran" or "failed"
    seconds: float
    made: str  # the summaries of its outputs, or why it failed


@dataclasses.dataclass(frozen=True)
class PackageRun:
    """The result of a run.

    Attributes:
      outcomes: a StepOutcome for each task up to the first failure, in order.
      published: {task: {output: record}}, the records as the next step would read them.
      store: the ObjectStore with the outputs.
    """

    outcomes: list
    published: dict
    store: ObjectStore

    @property
    def failed(self):
        return any(outcome.status == "failed" for outcome in self.outcomes)


def run_package(
    file, parameters, root, work, observe=lambda outcome: None, run_command=run_in_a_process
) -> PackageRun:
    """Runs every task of the package in order, up to the first failure.

    Args:
      parameters: texts `name=value`.
      root: the pipeline root: minio://, s3:// or gs://.
      work: the folder for the stand-ins of bucket, pods and volumes.

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
    run_id = str(uuid.uuid4())
    folder = work.absolute() / run_id
    store = ObjectStore(work.absolute() / "bucket")
    address = f"{root.rstrip('/')}/{spec['pipelineInfo']['name']}/{run_id}"
    run = PackageRun([], {}, store)
    identities = itertools.count(1)
    for task in _order(spec["root"]["dag"]["tasks"]):
        began = time.monotonic()
        pod = Pod(folder / "pods" / task)
        try:
            given, container = _prepare(task, spec, kubernetes, run, values, address, pod)
            outputs = launch(container, given, pod, store, run_command)
            run.published[task] = _publish(outputs, identities)
            outcome = StepOutcome(task, "ran", time.monotonic() - began, _summary(run, task))
            shutil.rmtree(pod.folder)
        except Failure as cause:
            outcome = StepOutcome(task, "failed", time.monotonic() - began, str(cause))
        run.outcomes.append(outcome)
        observe(outcome)
        if run.failed:
            break
    return run


def _order(tasks):
    graph = {name: task.get("dependentTasks", []) for name, task in sorted(tasks.items())}
    return graphlib.TopologicalSorter(graph).static_order()


def _prepare(task, spec, kubernetes, run, values, address, pod):
    """What the launcher needs: a task's ExecutorInput and its container's spec."""
    task_spec = spec["root"]["dag"]["tasks"][task]
    component = spec["components"][task_spec["componentRef"]["name"]]
    label = component["executorLabel"]
    executor = spec["deploymentSpec"]["executors"][label]
    if "importer" in executor:
        raise Failure("an importer needs a bucket to import from. Run the package on a cluster.")
    given = executor_input(task_spec, component, run.published, values, address, pod.output_file)
    claims = pod.folder.parents[2] / "volumes"
    mounted(given["inputs"]["parameterValues"], kubernetes.get(label, {}), claims)
    return given, executor["container"]


def _publish(outputs, identities):
    """The records as ML Metadata returns them: an id for a name, and surviving metadata."""
    return {
        name: {
            "name": str(next(identities)),
            "uri": record["uri"],
            "metadata": survive(record["metadata"])
            | {"display_name": name, "store_session_info": "{}"},
        }
        for name, record in sorted(outputs.items())
    }


def _summary(run, task):
    said = (record["metadata"].get("summary") for record in run.published[task].values())
    return "; ".join(text for text in said if text)
