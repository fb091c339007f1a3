"""Why a run's steps failed. The API's tasks name no cause, so it comes from the pods' logs.

The server makes its tasks of Argo's nodes: a step is a node with the name of the task, whose
child is the node `executor`. A node's id ends in the hash with which its pod's name ends
(kubeflow/pipelines: util.RetrievePodName and argocompiler's container.go).
"""

import urllib3
from kfp_server_api.exceptions import ApiException

from kfp.api_server import Server

_IMPLEMENTATION = "system-container-impl"
_FAILED = ("FAILED", "ERROR")
_MOST_BYTES = 1_000_000  # of a log; its end is what counts


def steps(run):
    """Yields (step, state) of the pipeline's steps, each of which has a task `<step>-driver`."""
    tasks = _tasks(run)
    drivers = {task.display_name.removesuffix("-driver") for task in tasks if _is_driver(task)}
    for task in tasks:
        if task.display_name in drivers and task.state:
            yield task.display_name, task.state


def failures(server: Server, run):
    """Yields (step, cause) of what failed: the step's program, or the driver before it.

    Args:
      run: as the server returns it.
    """
    tasks = _tasks(run)
    for task in tasks:
        if _is_driver(task) and task.state in _FAILED:
            reason = f"{_kubectl(server, _pods_of(tasks))} has the reason"
            yield task.display_name.removesuffix("-driver"), f"it could not start; {reason}"
    for step, state in steps(run):
        if state in _FAILED:
            task = next(task for task in tasks if task.display_name == step)
            yield step, _cause(server, run.run_id, step, _pods(task, tasks))


def _tasks(run):
    tasks = (run.run_details and run.run_details.task_details) or []
    return [task for task in tasks if task.display_name]


def _is_driver(task):
    return task.display_name.endswith("-driver") and task.display_name != "root-driver"


def _pods(step, tasks):
    """The names that the pod of a step's last attempt may have, the best guess last."""
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


def _children(task):
    return [child.pod_name for child in task.child_tasks or [] if child.pod_name]


def _cause(server, run_id, step, pods):
    for pod in pods:
        lines = [line.strip() for line in _log(server, run_id, pod).splitlines() if line.strip()]
        own = [line for line in lines if line.startswith(f"{step} failed: ")]
        if own:
            return own[-1].removeprefix(f"{step} failed: ")
        if lines:
            words = _kubectl(server, f"describe pod {pod}")
            return f"it was ended from outside, as for want of memory; {words} has the reason"
    if not pods:
        return "its pod has the reason"
    return f"its log cannot be read here; try {_kubectl(server, f'logs {pods[-1]} -c main')}"


def _log(server, run_id, pod):
    api = server.client.runs.run_service_get_run.__self__.api_client
    try:
        answer = api.call_api(
            f"/apis/v1alpha1/runs/{run_id}/nodes/{pod}/log",
            "GET",
            auth_settings=["Bearer"],
            _preload_content=False,
            _return_http_data_only=True,
            _request_timeout=server.timeout,
        )
        return answer.data[-_MOST_BYTES:].decode(errors="replace")
    # The generated client itself fails on errors that come without a body.
    except (ApiException, AttributeError, urllib3.exceptions.HTTPError):
        return ""  # The pod is gone, its log is not for this caller, or it was cut off.


def _pods_of(tasks):
    nodes = (child for task in tasks for child in _children(task))
    workflow = next(nodes, "").rpartition("-")[0]
    return f"describe pods -l workflows.argoproj.io/workflow={workflow}"


def _kubectl(server, words):
    return f"`kubectl -n {server.namespace or 'kubeflow'} {words}`"
