"""`python -m pipeline runs`: the runs of one pipeline on a Kubeflow Pipelines server."""

from failures import Failure
from kfp.api_server import NotFound
from kfp.failed_steps import failures
from kfp.run_steps import steps
from kfp.submit_connection import connect
from kfp.submit_run import ENDED
from kfp.submit_upload import find_experiment, find_pipeline
from settings.kubeflow import Kubeflow


def list_runs(name, kubeflow: Kubeflow, *, say=print):
    """Prints a line for each run of the pipeline in its experiment, the newest first."""
    found = listed(connect(kubeflow), name, kubeflow)
    for run in found:
        say(_line(run))
    if not found:
        where = kubeflow.experiment or name
        others = "" if where == name else " Those of a deleted pipeline are not found in this one."
        say(f"There is no run of {name} in the experiment {where}.{others}")


def show_run(run_id, kubeflow: Kubeflow, *, say=print):
    """Prints a run's state, that of each of its steps, and why it failed."""
    server = connect(kubeflow)
    run = _get(server, run_id)
    say(_line(run))
    for step in steps(server, run):
        say(f"  {step.name:<20} {step.state.lower()}")
    for step, cause in failures(server, run):
        say(f"{step} failed: {cause}")
    say(f"{server.ui}/#/runs/details/{run_id}")


def stop_run(run_id, kubeflow: Kubeflow, *, say=print):
    """Ends a run; one that has ended already stays as it is."""
    server = connect(kubeflow)
    run = _get(server, run_id)
    if run.state in ENDED:
        say(f"{run_id} has ended already: {run.state.lower()}.")
        return
    server.call(server.client.runs.run_service_terminate_run, run_id)
    say(f"{run_id} is being stopped.")


def delete_run(run_id, kubeflow: Kubeflow, *, say=print):
    """Deletes a run from the server; the artifacts in its bucket stay."""
    server = connect(kubeflow)
    if not delete(server, run_id):
        raise Failure(_unknown(run_id))
    say(f"{run_id} is deleted.")


def listed(server, name, kubeflow):
    """The runs of a pipeline in its experiment, the newest first.

    In the experiment of the pipeline's own name, these include the runs of pipelines that somebody
    deleted: of this one, before it was uploaded anew.
    """
    where = kubeflow.experiment or name
    experiment = find_experiment(server, where)
    if experiment is None:
        return []
    pipeline = find_pipeline(server, name)
    listing = server.client.runs.run_service_list_runs
    found = server.pages(listing, "runs", experiment_id=experiment.experiment_id)
    # Others share the experiment, such as Default, and no listing goes by the pipeline.
    ours = {pipeline.pipeline_id} if pipeline else set()
    if where == name:
        others = {_pipeline_of(run) for run in found} - ours - {None}
        ours |= {one for one in others if _is_deleted(server, one)}
    kept = [run for run in found if _pipeline_of(run) in ours]
    return sorted(kept, key=lambda run: run.created_at, reverse=True)


def _is_deleted(server, pipeline_id):
    try:
        server.call(server.client.pipelines.pipeline_service_get_pipeline, pipeline_id)
    except NotFound:
        return True
    return False


def _pipeline_of(run):
    reference = run.pipeline_version_reference
    return reference and reference.pipeline_id


def _get(server, run_id):
    try:
        return server.call(server.client.runs.run_service_get_run, run_id)
    except NotFound:
        raise Failure(_unknown(run_id)) from None


def delete(server, run_id):
    """Deletes a run; whether it was still there."""
    try:
        server.call(server.client.runs.run_service_delete_run, run_id)
    except NotFound:
        return False
    return True


def _unknown(run_id):
    return f"The server has no run {run_id}. List them: python -m pipeline runs list --config FILE"


def _line(run):
    trigger = "scheduled" if run.recurring_run_id else "submitted"
    return (
        f"{run.run_id}  {(run.state or 'PENDING').lower():<10} {trigger:<9} "
        f"{run.created_at:%Y-%m-%d %H:%M}  {run.display_name}"
    )
