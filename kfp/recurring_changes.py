"""`python -m pipeline schedule list|pause|resume|delete` on a Kubeflow Pipelines server."""

import os
import random
import time

from failures import Failure
from kfp.recurring_runs import is_enabled, listed, mark_of
from kfp.submit_connection import NotFound, connect
from kfp.submit_upload import find_experiment


def change(
    action,
    name,
    endpoint,
    *,
    say=print,
    environment=os.environ,
    sleep=time.sleep,
    spread=random.random,
):
    """Does `action` to the recurring runs of one pipeline; a second time it changes nothing.

    Args:
      action: "list", "pause", "resume" or "delete".
      name: the pipeline's.
      endpoint: a settings.kubeflow.KubeflowEndpoint.
      say: prints one line.

    Returns:
      How many recurring runs were listed or changed.

    Raises:
      failures.Failure: there is none to pause or resume, or the server cannot be
        worked with.
    """
    server = connect(endpoint, environment, sleep, spread)
    experiment = find_experiment(server, endpoint.experiment or name)
    found = listed(server, experiment.experiment_id, name) if experiment else []
    where = f"in the experiment {endpoint.experiment or name}"
    if not found and action in ("pause", "resume"):
        raise Failure(
            f"There is no schedule {name} {where}. Make it: python -m pipeline schedule apply."
        )
    if not found:
        say(f"There is no schedule {name} {where}.")
    if action == "list":
        for recurring_run in found:
            say(_line(recurring_run))
        return len(found)
    return sum(_change_one(action, server, one, say) for one in found)


def _line(recurring_run):
    trigger = recurring_run.trigger
    cron = trigger.cron_schedule.cron if trigger and trigger.cron_schedule else "no cron"
    version = recurring_run.pipeline_version_reference
    return (
        f"{recurring_run.display_name:<20} {'on' if is_enabled(recurring_run) else 'paused':<7} "
        f"{cron:<20} since {recurring_run.created_at:%Y-%m-%d %H:%M} "
        f"version {version.pipeline_version_id if version else 'of its own'} "
        f"id {recurring_run.recurring_run_id}"
        + ("" if mark_of(recurring_run) else " (not made by schedule apply)")
    )


def _change_one(action, server, recurring_run, say):
    api, identity = server.client.recurring_runs, recurring_run.recurring_run_id
    named = f"{recurring_run.display_name} ({identity})"
    if action != "delete" and is_enabled(recurring_run) == (action == "resume"):
        say(f"{named} is {'on' if action == 'resume' else 'paused'} already.")
        return 0
    call = {
        "pause": api.recurring_run_service_disable_recurring_run,
        "resume": api.recurring_run_service_enable_recurring_run,
        "delete": api.recurring_run_service_delete_recurring_run,
    }[action]
    try:
        server.call(call, identity)
    except NotFound:
        return 0
    done = {"pause": "paused; resume or apply", "resume": "on again; pause", "delete": "deleted"}
    say(f"{named} is {done[action]}{' undoes it' if action != 'delete' else ''}.")
    return 1
