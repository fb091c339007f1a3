"""`python -m pipeline submit`: a run of a package on a Kubeflow Pipelines server."""

import datetime
import os
import random
import time
import uuid

from kfp.run_values import given_values
from kfp.submit_connection import connect
from kfp.submit_upload import identity, named, open_package, upload
from kfp.submit_watch import watch


def submit(
    file,
    endpoint,
    parameters=(),
    pipeline_root=None,
    wait=False,
    *,
    say=print,
    environment=os.environ,
    sleep=time.sleep,
    spread=random.random,
    now=datetime.datetime.now,
    new_id=uuid.uuid4,
):
    """Uploads a package if its content is new there, and starts a run of it.

    Args:
      file: the compiled package.
      endpoint: a settings.kubeflow.KubeflowEndpoint.
      parameters: texts `name=value`; what is left out has the package's default.
      pipeline_root: minio://, s3:// or gs:// URI, or None for the server's own.
      wait: whether to show the tasks' states until the run has ended.
      say: prints one line.

    Returns:
      The exit code: 0, or 1 when `wait` saw the run fail or be cancelled.

    Raises:
      failures.Failure: a parameter is wrong, or the server cannot be worked with.
      kfp.package_rules.PackageRefused: the file is no package.
    """
    package = open_package(file)
    values = given_values(package.spec, parameters)
    server = connect(endpoint, environment, sleep, spread)
    uploaded = upload(server, package, endpoint.experiment, say)
    # The server does not mind two runs of one name. This one's is unique, so that a call
    # that was cut off can be told from one that never arrived.
    name = f"{package.pipeline} {now():%Y-%m-%d %H-%M-%S} {str(new_id())[:8]}"
    run = _start(server, uploaded, name, values, pipeline_root, endpoint.service_account)
    run_id = identity(server, run, "run_id")
    say(f"The run {name} has started: {server.ui}/#/runs/details/{run_id}")
    return watch(server, run_id, package.spec, say) if wait else 0


def _start(server, uploaded, name, values, pipeline_root, service_account):
    client, models = server.client, server.client.api_models
    body = models.V2beta1Run(
        display_name=name,
        experiment_id=uploaded.experiment_id,
        pipeline_version_reference=models.V2beta1PipelineVersionReference(
            pipeline_id=uploaded.pipeline_id, pipeline_version_id=uploaded.version_id
        ),
        runtime_config=models.V2beta1RuntimeConfig(parameters=values, pipeline_root=pipeline_root),
        service_account=service_account,
    )

    def find():
        found = server.pages(
            client.runs.run_service_list_runs,
            "runs",
            experiment_id=uploaded.experiment_id,
            filter=named(name),
        )
        return found[0] if found else None

    def make():
        return server.call(client.runs.run_service_create_run, body, repeatable=False)

    return server.create(find, make)
