"""The steps of a run on a server: their states, and where their logs are.

Kubeflow up to 2.17 makes a run's tasks of Argo's nodes: a step is a node with the name of the
task, whose child is the node `executor`. A node's id ends in the hash with which its pod's name
ends (kubeflow/pipelines: util.RetrievePodName and argocompiler's container.go). Its head, which has
no ML Metadata, keeps tasks of its own, and a run shows them in its full view alone (#13986:
run.proto, and container.go and launcher_v2.go, which fill them).
"""

import json
from typing import NamedTuple

from kfp.api_server import Server

FAILED = ("FAILED", "ERROR")
_IMPLEMENTATION = "system-container-impl"


class Step(NamedTuple):
    """A step that has begun.

    Attributes:
      pods: the names that the pod of its last attempt may have, the best guess last.
      unstarted: where a step that could not start has the reason; None for any other.
    """

    name: str
    state: str
    pods: list[str]
    unstarted: str | None = None


def steps(server: Server, run) -> list[Step]:
    """The steps of a run, as the server returns it, in the order in which they began."""
    tasks = (run.run_details and run.run_details.task_details) or []
    if tasks:
        return list(_of_nodes(server, [task for task in tasks if task.display_name]))
    try:
        full = json.loads(server.get(f"/apis/v2beta1/runs/{run.run_id}", view="FULL") or b"{}")
    except ValueError:
        return []
    return list(_of_tasks(full.get("tasks") or []))


def _of_tasks(tasks):
    for task in tasks:
        if task.get("type") == "RUNTIME":
            pods = [pod["name"] for pod in task.get("pods", []) if pod.get("type") == "EXECUTOR"]
            reason = task.get("status_metadata", {}).get("message") or "unknown reason"
            state = task.get("state") or "PENDING"
            unstarted = " ".join(reason.split()) if state in FAILED and not pods else None
            yield Step(task["name"], state, pods, unstarted)


def _of_nodes(server, tasks):
    named = {task.display_name: task for task in tasks}
    for driver in tasks:
        name = driver.display_name.removesuffix("-driver")
        if name in (driver.display_name, "root"):
            continue
        step = named.get(name)
        if driver.state in FAILED:
            reason = f"{server.kubectl(_pods_of_all(tasks))} has the reason"
            yield Step(name, "FAILED", [], reason)
        elif step and step.state:
            yield Step(name, step.state, _pods_of(step, tasks))


def _pods_of(step, tasks):
    pods = [_pod_name(node, _IMPLEMENTATION) for node in _children(step)[-1:]]
    # With retries the step's child is a node of all attempts. No task gives its own id, so that
    # node is known by having failed, if it is the only one.
    groups = [
        _children(task)
        for task in tasks
        if task.display_name == "executor" and task.state == "FAILED" and _children(task)
    ]
    if len(groups) == 1:
        pods.append(_pod_name(groups[0][-1], f"retry-{_IMPLEMENTATION}"))
    return pods


def _pod_name(node, template):
    workflow, _, part = node.rpartition("-")
    return f"{workflow}-{template}-{part}"


def _pods_of_all(tasks):
    nodes = (child for task in tasks for child in _children(task))
    workflow = next(nodes, "").rpartition("-")[0]
    return f"describe pods -l workflows.argoproj.io/workflow={workflow}"


def _children(task):
    return [child.pod_name for child in task.child_tasks or [] if child.pod_name]
