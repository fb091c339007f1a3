"""Why a run's steps failed. The API's tasks name no cause, so it comes from the pods' logs.

The server makes its tasks of Argo's nodes: a step is a node with the name of the task, whose
child is the node `executor`. A node's id ends in the hash with which its pod's name ends
(kubeflow/pipelines: util.RetrievePodName and argocompiler's container.go).
"""

import urllib3
from kfp_server_api.exceptions import ApiException

from kfp.submit_connection import Server

_IMPLEMENTATION = "system-container-impl"
_MOST_BYTES = 1_000_000  # of a log; its end is what counts


def failures(server: Server, run, spec):
    """Yields (step, cause) of what failed: the step's program, or the driver before it.

    Args:
      run: as the server returns it.
      spec: the package's pipeline spec, which names the steps.
    """
    tasks = (run.run_details and run.run_details.task_details) or []
    failed = {
        (task.display_name or "").lower(): task
        for task in tasks
        if task.state in ("FAILED", "ERROR")
    }
    workflow = next(
        (_children(task)[0].rpartition("-")[0] for task in tasks if _children(task)), ""
    )
    for step, task in spec["root"]["dag"]["tasks"].items():
        shown = task.get("taskInfo", {}).get("name", step).lower()
        if f"{shown}-driver" in failed:
            yield step, f"it could not start; {_kubectl(server, _pods_of(workflow))} has the reason"
        elif shown in failed:
            pod = _pod(failed[shown], tasks, "retryPolicy" in task)
            yield step, _cause(server, run.run_id, step, pod) if pod else "its pod has the reason"


def _pod(step, tasks, retried):
    """The name of the pod that made the step's last attempt, or None where none can be told."""
    nodes = _children(step)
    if retried:
        # The node of all attempts: no task gives its own id, so it is known by having failed.
        groups = [
            _children(task)
            for task in tasks
            if task.display_name == "executor" and task.state == "FAILED" and _children(task)
        ]
        nodes = groups[0] if len(groups) == 1 else []
    if not nodes:
        return None
    workflow, _, part = nodes[-1].rpartition("-")
    return f"{workflow}-{'retry-' if retried else ''}{_IMPLEMENTATION}-{part}"


def _children(task):
    return [child.pod_name for child in task.child_tasks or [] if child.pod_name]


def _cause(server, run_id, step, pod):
    lines = [line.strip() for line in _log(server, run_id, pod).splitlines() if line.strip()]
    own = [line for line in lines if line.startswith(f"{step} failed: ")]
    if own:
        return own[-1].removeprefix(f"{step} failed: ")
    if not lines:
        return f"its log cannot be read here; try {_kubectl(server, f'logs {pod} -c main')}"
    return (
        "it was ended from outside, as for want of memory; "
        f"{_kubectl(server, f'describe pod {pod}')} has the reason"
    )


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
    except (ApiException, urllib3.exceptions.HTTPError):
        return ""  # The pod is gone, or its log is not for this caller.
    return answer.data[-_MOST_BYTES:].decode(errors="replace")


def _pods_of(workflow):
    return f"describe pods -l workflows.argoproj.io/workflow={workflow}"


def _kubectl(server, words):
    return f"`kubectl -n {server.namespace or 'kubeflow'} {words}`"
