"""`python -m pipeline submit`: a run of a package on a Kubeflow Pipelines server."""

import datetime
import uuid

from kfp.run_values import given_values
from kfp.submit_connection import connect
from kfp.submit_upload import open_package, upload
from kfp.submit_watch import watch
from settings.kubeflow import KubeflowEndpoint


def submit(
    file,
    endpoint: KubeflowEndpoint,
    parameters=(),
    pipeline_root=None,
    wait=False,
    *,
    say=print,
    now=datetime.datetime.now,
    new_id=uuid.uuid4,
    **connection,
):
    """Uploads a package, unless the server has its content, and starts a run of it.

    Args:
      file: the compiled package.
      parameters: texts `name=value`; the package has defaults for the others.
      pipeline_root: minio://, s3:// or gs:// URI, or None for the server's own.
      wait: whether to show the tasks' states until the run has ended.

    Returns:
      The exit code: 0, or 1 when `wait` saw the run fail or be cancelled.

    Raises:
      ConfigurationError: the package or a parameter is wrong.
      Failure: the server does not do its part.
    """
    package = open_package(file)
    values = given_values(package.spec, parameters)
    server = connect(endpoint, **connection)
    uploaded = upload(server, package, endpoint.experiment, say)
    # The server accepts two runs of one name. This name is unique, so that a call that was
    # cut off can be told from one that never arrived.
    name = f"{package.pipeline} {now():%Y-%m-%d %H-%M-%S} {str(new_id())[:8]}"
    models, runs = server.client.api_models, server.client.runs
    fields = uploaded.run_fields(models, values, pipeline_root, endpoint.service_account)
    body = models.V2beta1Run(display_name=name, **fields)
    run = server.create(
        lambda: server.find(
            runs.run_service_list_runs, "runs", name, experiment_id=uploaded.experiment_id
        ),
        lambda: server.call(runs.run_service_create_run, body, repeatable=False),
    )
    run_id = server.id_of(run, "run_id")
    say(f"The run {name} has started: {server.ui}/#/runs/details/{run_id}")
    return watch(server, run_id, package.spec, say) if wait else 0
