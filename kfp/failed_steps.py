"""Why a run's steps failed. The API's tasks name no cause, so it comes from the steps' logs."""

from failures import Failure
from files.buckets.errors import BucketError
from kfp.api_server import NotFound, Server
from kfp.run_steps import FAILED, steps
from kfp.uploaded_log import MOST_BYTES, uploaded_log


def failures(server: Server, run):
    """Yields (step, cause) of what failed: the step's program, or the driver before it.

    Args:
      run: as the server returns it.
    """
    for step in steps(server, run):
        if step.unstarted:
            yield step.name, f"it could not start; {step.unstarted}"
        elif step.state in FAILED:
            yield step.name, _cause(server, run, step.name, step.pods)


def _cause(server, run, step, pods):
    for pod in pods:
        path = f"/apis/v1alpha1/runs/{run.run_id}/nodes/{pod}/log"
        log = server.get(path)[-MOST_BYTES:].decode(errors="replace")
        if log.strip():
            return _said(step, log, f"{server.kubectl(f'describe pod {pod}')} has the reason")
    try:
        log, missing = _uploaded(server, run, step), "there is none"
    except BucketError as error:
        log, missing = None, error.strerror
    except Failure as failure:  # It leaves the run's state as it is, which is known.
        log, missing = None, str(failure).rstrip(".")
    if log:
        return _said(step, log.text, f"its log is {log.address}")
    asked = server.kubectl(f"logs {pods[-1]} -c main" if pods else "get pods")
    return f"neither its pod nor an uploaded log can be read here ({missing}); try {asked}"


def _said(step, log, end):
    """The cause that a step's log names; where it names none, what that means."""
    own = [line.strip() for line in log.splitlines() if line.startswith(f"{step} failed: ")]
    if own:
        return own[-1].removeprefix(f"{step} failed: ")
    return f"it was killed from outside, perhaps for lack of memory; {end}"


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
