"""`python -m pipeline schedule list|pause|resume|delete` on a Kubeflow Pipelines server."""

from failures import Failure
from kfp.recurring_runs import apply_action, is_enabled, listed, mark_of
from kfp.submit_connection import connect
from kfp.submit_upload import find_experiment
from settings.kubeflow import Kubeflow

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

    Returns:
      How many recurring runs were listed or changed.

    Raises:
      Failure: nothing can be paused or resumed, or the server does not do its part.
    """
    server = connect(kubeflow)
    experiment = find_experiment(server, kubeflow.experiment or name)
    found = listed(server, experiment.experiment_id, name) if experiment else []
    where = f"in the experiment {kubeflow.experiment or name}"
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
    identity = recurring_run.recurring_run_id
    label = f"{recurring_run.display_name} ({identity})"
    if action != "delete" and is_enabled(recurring_run) == (action == "resume"):
        say(f"{label} is already {'on' if action == 'resume' else 'paused'}.")
        return 0
    if not apply_action(server, _CALLS[action], identity):
        return 0
    say(f"{label} {_DONE[action]}.")
    return 1
