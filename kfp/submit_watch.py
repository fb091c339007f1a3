"""Shows a run's tasks as they change, until the run has ended."""

from failures import Failure
from kfp.submit_connection import NotFound, Server

_POLL_SECONDS = 5.0
_GOOD = {"SUCCEEDED", "SKIPPED"}
_ENDED = _GOOD | {"FAILED", "CANCELED", "CANCELLED", "ERROR"}


def watch(server: Server, run_id, spec, say):
    """Prints each task's state whenever it changes.

    Args:
      spec: the package's pipeline spec, which names the pipeline's own tasks.

    Returns:
      The exit code: 0 when the run succeeded, 1 when it failed or was cancelled.

    Raises:
      KeyboardInterrupt: Ctrl-C ended the watching; the run goes on.
    """
    tasks, seen = _names(spec), {}
    try:
        while True:
            run = _get(server, run_id)
            for name, state, cause in _states(run, tasks):
                if seen.get(name) != state:
                    seen[name] = state
                    say(f"  {name:<20} {state.lower()}{cause}")
            state = (run.state or "PENDING").upper()
            if state in _ENDED:
                say(f"The run has ended: {state.lower()}{_cause(run.error)}")
                return 0 if state in _GOOD else 1
            server.sleep(_POLL_SECONDS)
    except KeyboardInterrupt:
        say(f"No longer watched; the run goes on: {server.ui}/#/runs/details/{run_id}")
        raise


def _get(server, run_id):
    try:
        return server.call(server.client.runs.run_service_get_run, run_id)
    except NotFound:
        raise Failure(f"The run {run_id} is gone: someone deleted it. Submit it again.") from None


def _names(spec):
    """{a task's name as the server shows it: its name in the package}."""
    names = {}
    for key, task in spec["root"]["dag"]["tasks"].items():
        names[task.get("taskInfo", {}).get("name", key).lower()] = key
        names[key.lower()] = key
    return names


def _states(run, tasks):
    """(name, state, cause) of the pipeline's own tasks, without drivers and the like."""
    details = (run.run_details and run.run_details.task_details) or []
    for task in details:
        name = tasks.get((task.display_name or "").lower())
        if name is not None and task.state:
            yield name, task.state, _cause(task.error)


def _cause(error):
    message = (error and error.message) or ""
    return f": {message.strip().splitlines()[0]}" if message.strip() else ""
