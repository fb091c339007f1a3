"""`python -m pipeline schedule list|fire|pause|resume|delete`: the recurring runs of a pipeline."""

import uuid

from failures import Failure
from kfp.api_server import NotFound, named
from kfp.run_facts import BY_HAND, TRIGGER
from kfp.submit_connection import connect
from kfp.submit_upload import find_experiment
from settings.kubeflow import Kubeflow

MARK = "steadyfeed schedule "  # in the description of one that `schedule apply` made
_MAKE_IT = "Make one: python -m pipeline schedule apply --config FILE"
_CALLS = {"pause": "disable", "resume": "enable", "delete": "delete"}
_DONE = {
    "pause": "is paused; resume or apply undoes it",
    "resume": "is on again; pause undoes it",
    "delete": "is deleted",
}


def change(action, name, kubeflow: Kubeflow, *, say=print):
    """Applies `action` to the recurring runs of one pipeline; repeating it changes nothing.

    Args:
      action: "list", "pause", "resume" or "delete".

    Raises:
      Failure: nothing can be paused or resumed, or the server does not do its part.
    """
    server = connect(kubeflow)
    experiment = find_experiment(server, kubeflow.experiment or name)
    found = listed(server, experiment.experiment_id, name) if experiment else []
    where = f"in the experiment {kubeflow.experiment or name}"
    if not found and action in ("pause", "resume"):
        raise Failure(f"There is no schedule {name} {where}. {_MAKE_IT}")
    if not found:
        say(f"There is no schedule {name} {where}.")
    for recurring_run in found:
        say(_line(recurring_run) if action == "list" else _changed(action, server, recurring_run))


def fire(name, kubeflow: Kubeflow, *, say=print):
    """Starts now the run that the recurring run of a pipeline would start next, by hand.

    Raises:
      Failure: there is not exactly one such recurring run.
    """
    server = connect(kubeflow)
    experiment = find_experiment(server, kubeflow.experiment or name)
    found = listed(server, experiment.experiment_id, name) if experiment else []
    if len(found) != 1:
        raise Failure(
            f"There are {len(found)} schedules {name} in the experiment "
            f"{kubeflow.experiment or name}. {_MAKE_IT}"
        )
    [recurring] = found
    config = recurring.runtime_config
    if config and TRIGGER in (config.parameters or {}):
        config.parameters[TRIGGER] = BY_HAND  # The backend gives it no time of a schedule's.
    body = server.client.api_models.V2beta1Run(
        display_name=f"{name} fired {uuid.uuid4()}",
        experiment_id=recurring.experiment_id,
        pipeline_version_reference=recurring.pipeline_version_reference,
        runtime_config=config,
        service_account=recurring.service_account,
    )
    runs = server.client.runs
    run, _ = server.ensure(
        "run",
        body.display_name,
        runs.run_service_list_runs,
        {"experiment_id": recurring.experiment_id},
        runs.run_service_create_run,
        body,
    )
    say(f"The run {body.display_name} has started: {server.ui}/#/runs/details/{run.run_id}")


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


def _changed(action, server, recurring_run):
    identity = recurring_run.recurring_run_id
    label = f"{recurring_run.display_name} ({identity})"
    if action != "delete" and is_enabled(recurring_run) == (action == "resume"):
        return f"{label} is already {'on' if action == 'resume' else 'paused'}."
    is_there = act_on(server, _CALLS[action], identity)
    return f"{label} {_DONE[action] if is_there else 'is gone: someone deleted it'}."


def act_on(server, action, recurring_run_id):
    """Enables, disables or deletes a recurring run; whether it was still there.

    Another apply may be faster, or a repeated call had its effect the first time.
    """
    api = server.client.recurring_runs
    try:
        server.call(getattr(api, f"recurring_run_service_{action}_recurring_run"), recurring_run_id)
        return True
    except NotFound:
        return False


def mark_of(recurring_run):
    """The mark that apply left in the description; "" when a person made it."""
    description = recurring_run.description or ""
    return description.partition(";")[0] if description.startswith(MARK) else ""


def is_enabled(recurring_run):
    return recurring_run.mode == "ENABLE" or (
        recurring_run.mode is None and recurring_run.status == "ENABLED"
    )


def listed(server, experiment_id, name):
    """The recurring runs of a name, in one experiment or, for None, in all."""
    where = {"experiment_id": experiment_id} if experiment_id else server.in_namespace
    return server.pages(
        server.client.recurring_runs.recurring_run_service_list_recurring_runs,
        "recurring_runs",
        filter=named(name),
        **where,
    )
