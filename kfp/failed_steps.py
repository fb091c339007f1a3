"""Why a run's steps failed. The API's tasks name no cause, so it comes from the steps' logs.

The server makes its tasks of Argo's nodes: a step is a node with the name of the task, whose
child is the node `executor`. A node's id ends in the hash with which its pod's name ends
(kubeflow/pipelines: util.RetrievePodName and argocompiler's container.go).
"""

import urllib3
from kfp_server_api.exceptions import ApiException

from files.buckets.errors import BucketError
from kfp.api_server import NotFound, Server
from kfp.uploaded_log import MOST_BYTES, uploaded_log

_IMPLEMENTATION = "system-container-impl"
_FAILED = ("FAILED", "ERROR")


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
            yield step, _cause(server, run, step, _pods(task, tasks))


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


def _cause(server, run, step, pods):
    for pod in pods:
        log = _log(server, run.run_id, pod)
        if log.strip():
            return _said(step, log, f"{_kubectl(server, f'describe pod {pod}')} has the reason")
    try:
        log, missing = _uploaded(server, run, step), "there is none"
    except BucketError as error:
        log, missing = None, error.strerror
    if log:
        return _said(step, log.text, f"its log is {log.address}")
    asked = _kubectl(server, f"logs {pods[-1]} -c main" if pods else "get pods")
    return f"neither its pod nor an uploaded log can be read here ({missing}); try {asked}"


def _said(step, log, end):
    """The cause that a step's log names; where it names none, what that means."""
    own = [line.strip() for line in log.splitlines() if line.startswith(f"{step} failed: ")]
    if own:
        return own[-1].removeprefix(f"{step} failed: ")
    return f"it was ended from outside, as for want of memory; {end}"


def _uploaded(server, run, step):
    reference, config = run.pipeline_version_reference, run.runtime_config
    if reference is None:
        return None
    get = server.client.pipelines.pipeline_service_get_pipeline
    try:
        name = server.call(get, reference.pipeline_id).display_name
    except NotFound:  # Someone deleted the pipeline.
        return None
    return uploaded_log(config and config.pipeline_root, name, run.run_id, step)


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
        return answer.data[-MOST_BYTES:].decode(errors="replace")
    # The generated client itself fails on errors that come without a body.
    except (ApiException, AttributeError, urllib3.exceptions.HTTPError):
        return ""  # The pod is gone, its log is not for this caller, or it was cut off.


def _pods_of(tasks):
    nodes = (child for task in tasks for child in _children(task))
    workflow = next(nodes, "").rpartition("-")[0]
    return f"describe pods -l workflows.argoproj.io/workflow={workflow}"


def _kubectl(server, words):
    return f"`kubectl -n {server.namespace or 'kubeflow'} {words}`"
