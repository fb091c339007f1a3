"""`python -m pipeline runs prune`: removes old runs, and the packages that nothing needs then."""

import datetime

from kfp.api_server import NotFound, Server
from kfp.runs import delete, listed
from kfp.submit_connection import connect
from kfp.submit_run import ENDED
from kfp.submit_upload import BY_CONTENT, find_pipeline
from settings.kubeflow import Kubeflow


def prune(name, older_than_days: int, kubeflow: Kubeflow, *, say=print, now=None):
    """Deletes what a pipeline left on the server this many days ago: ended runs, unused versions.

    Of the runs in a shared experiment, those that `listed` finds are the pipeline's. A version goes
    when `submit` or `schedule apply` uploaded it and neither a run nor a recurring run, of whatever
    experiment, is of it. The artifacts in the bucket stay: a lifecycle rule of the bucket is the
    place for these.

    Returns:
      (number of runs, number of versions) that were deleted.
    """
    server = connect(kubeflow)
    now = now or datetime.datetime.now(datetime.UTC)
    oldest = now - datetime.timedelta(days=older_than_days)
    ended = [run for run in listed(server, name, kubeflow) if run.state in ENDED]
    runs = sum(delete(server, run.run_id) for run in ended if _end(run) < oldest)
    versions = sum(
        _delete_version(server, version)
        for version in _unused_versions(server, name)
        if version.created_at < oldest
    )
    say(f"Deleted {runs} runs that ended more than {older_than_days} days ago.")
    say(f"Deleted {versions} packages of that age that no run or schedule uses.")
    return runs, versions


def _end(run):
    # The server gives 1970 to a run whose end it did not see.
    return max(run.created_at, run.finished_at or run.created_at)


def _unused_versions(server: Server, name):
    pipeline = find_pipeline(server, name)
    if pipeline is None:
        return []
    client = server.client
    # Listed before the runs, so that a version uploaded meanwhile is not among these.
    versions = server.pages(
        client.pipelines.pipeline_service_list_pipeline_versions,
        "pipeline_versions",
        pipeline_id=pipeline.pipeline_id,
    )
    runs = server.pages(client.runs.run_service_list_runs, "runs", **server.in_namespace)
    recurring = server.pages(
        client.recurring_runs.recurring_run_service_list_recurring_runs,
        "recurring_runs",
        **server.in_namespace,
    )
    used = {_version_of(one) for one in (*runs, *recurring)}
    ours = [one for one in versions if one.display_name.startswith(BY_CONTENT)]
    return [one for one in ours if one.pipeline_version_id not in used]


def _version_of(run):
    reference = run.pipeline_version_reference
    return reference and reference.pipeline_version_id


def _delete_version(server, version):
    remove = server.client.pipelines.pipeline_service_delete_pipeline_version
    try:
        server.call(remove, version.pipeline_id, version.pipeline_version_id)
    except NotFound:
        return False
    return True
