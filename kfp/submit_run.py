"""`python -m pipeline submit`: a run of a package on a Kubeflow Pipelines server."""

import datetime
import uuid
from time import monotonic, sleep

from failures import Failure
from kfp.api_server import Away, NotFound, Server
from kfp.failed_steps import failures
from kfp.run_steps import steps
from kfp.run_values import given_values
from kfp.submit_connection import connect
from kfp.submit_upload import open_package, upload
from settings.kubeflow import Kubeflow

_POLL_SECONDS = 5.0
_LONGEST_SILENCE = 600.0  # seconds without an answer, as while the API server is upgraded
_GOOD = {"SUCCEEDED", "SKIPPED"}
ENDED = _GOOD | {"FAILED", "CANCELED", "CANCELLED", "ERROR"}


def submit(file, kubeflow: Kubeflow, parameters=(), wait=False, *, say=print):
    """Uploads a package, unless the server has its content, and starts a run of it.

    Args:
      file: the compiled package.
      parameters: texts `name=value`; the package has defaults for the others.
      wait: whether to show the tasks' states until the run has ended.

    Returns:
      The exit code: 0, or 1 when `wait` saw the run fail or be cancelled.

    Raises:
      ConfigurationError: the package or a parameter is wrong.
      Failure: the server does not do its part.
    """
    package = open_package(file)
    values = given_values(package.spec, parameters, say)
    server = connect(kubeflow)
    fields = upload(server, package, kubeflow, values, say)
    # The server accepts two runs of one name. This name is unique, so that a call that was
    # cut off can be told from one that never arrived.
    now = datetime.datetime.now()
    name = f"{package.pipeline} {now:%Y-%m-%d %H-%M-%S} {str(uuid.uuid4())[:8]}"
    run, _ = server.ensure(
        "run",
        name,
        server.client.runs.run_service_list_runs,
        {"experiment_id": fields["experiment_id"]},
        server.client.runs.run_service_create_run,
        server.client.api_models.V2beta1Run(display_name=name, **fields),
        surplus=lambda twin: server.call(server.client.runs.run_service_terminate_run, twin.run_id),
    )
    say(f"The run {name} has started: {server.ui}/#/runs/details/{run.run_id}")
    return watch(server, run.run_id, say) if wait else 0


def watch(server: Server, run_id, say):
    """Prints each task's state whenever it changes, and in the end why the run failed.

    Returns:
      The exit code: 0 when the run succeeded, 1 when it failed or was cancelled.

    Raises:
      Failure: the run is gone, the server refuses to show it, or has not answered for ten minutes.
      KeyboardInterrupt: Ctrl-C ended the watching; the run goes on.
    """
    seen, answered, silent = {}, monotonic(), False
    goes_on = f"the run goes on: {server.ui}/#/runs/details/{run_id}"
    try:
        while True:
            try:
                state = _look(server, run_id, seen, say)
                answered, silent = monotonic(), False
            except _Gone:
                raise
            except Failure as failure:
                asks = isinstance(failure, Away)
                if not asks or monotonic() - answered > _LONGEST_SILENCE:
                    raise Failure(f"{failure} No longer watched; {goes_on}") from None
                if not silent:
                    say(f"{failure} Still asking; {goes_on}")
                state, silent = None, True
            if state in ENDED:
                say(f"The run has ended: {state.lower()}")
                return 0 if state in _GOOD else 1
            sleep(_POLL_SECONDS)
    except KeyboardInterrupt:
        say(f"No longer watched; {goes_on}")
        raise


class _Gone(Failure):
    """The server answers, and has no such run."""


def _look(server, run_id, seen, say):
    """Prints what has changed of a run, and why it failed; returns its state.

    Args:
      seen: {step: its state} at the looks before, to which this one is added.
    """
    try:
        run = server.call(server.client.runs.run_service_get_run, run_id)
    except NotFound:
        raise _Gone(f"The run {run_id} is gone: someone deleted it. Submit it again.") from None
    for step in steps(server, run):
        if seen.get(step.name) != step.state:
            seen[step.name] = step.state
            say(f"  {step.name:<20} {step.state.lower()}")
    state = (run.state or "PENDING").upper()
    for name, cause in failures(server, run) if state in ENDED else ():
        say(f"{name} failed: {cause}")
    return state
