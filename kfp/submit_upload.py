"""A package on the server: its pipeline, its version named by content, its experiment."""

import dataclasses
import hashlib
from pathlib import Path

from failures import Failure
from kfp.api_server import Server
from kfp.package_rules import read_package
from settings.kubeflow import Kubeflow

BY_CONTENT = "sha256-"  # how the name of a version begins


@dataclasses.dataclass(frozen=True)
class Package:
    """A compiled package.

    Attributes:
      file: its path.
      spec: the pipeline spec, as a dict.
      pipeline: the pipeline's name.
      version: a name for its content, which changes with any byte of it.
    """

    file: str
    spec: dict
    pipeline: str
    version: str


def open_package(file):
    """The Package in a file.

    Raises:
      ConfigurationError: the file does not exist, or the backend does not accept it.
    """
    spec, _ = read_package(Path(file))
    digest = hashlib.sha256(Path(file).read_bytes()).hexdigest()
    return Package(str(file), spec, spec["pipelineInfo"]["name"], f"{BY_CONTENT}{digest[:16]}")


def upload(server: Server, package: Package, kubeflow: Kubeflow, values, say):
    """Uploads the package and makes its experiment, each unless the server has it.

    Returns:
      {field: value} of what a run and a recurring run of it with `values` have in common.
    """
    models, api = server.client.api_models, server.client.pipelines
    # Not by an upload, which would make a first version with the pipeline's name.
    pipeline, is_new = server.ensure(
        "pipeline",
        package.pipeline,
        api.pipeline_service_list_pipelines,
        server.in_namespace,
        api.pipeline_service_create_pipeline,
        models.V2beta1Pipeline(display_name=package.pipeline, namespace=server.namespace),
    )
    if is_new:
        say(f"The pipeline {package.pipeline} is new.")
    version, is_new = server.ensure(
        "pipeline_version",
        package.version,
        api.pipeline_service_list_pipeline_versions,
        {"pipeline_id": pipeline.pipeline_id},
        server.client.pipeline_uploads.upload_pipeline_version,
        package.file,
        name=package.version,
        pipelineid=pipeline.pipeline_id,
    )
    what = "is uploaded" if is_new else "is already there"
    say(f"The version {package.version} of {package.pipeline} {what}.")
    return {
        "experiment_id": _experiment(server, kubeflow.experiment or package.pipeline, say),
        "pipeline_version_reference": models.V2beta1PipelineVersionReference(
            pipeline_id=pipeline.pipeline_id, pipeline_version_id=version.pipeline_version_id
        ),
        "runtime_config": models.V2beta1RuntimeConfig(
            parameters=values, pipeline_root=kubeflow.pipeline_root
        ),
        "service_account": kubeflow.service_account,
    }


def _experiment(server: Server, name, say):
    """The id of the experiment of that name, which is made unless the server has it."""
    models, api = server.client.api_models, server.client.experiments
    experiment, is_new = server.ensure(
        "experiment",
        name,
        api.experiment_service_list_experiments,
        server.in_namespace,
        api.experiment_service_create_experiment,
        models.V2beta1Experiment(display_name=name, namespace=server.namespace),
    )
    _check_storage(experiment)
    if is_new:
        say(f"The experiment {name} is new.")
    return experiment.experiment_id


def find_pipeline(server, name):
    """The pipeline of that name, or None."""
    listing = server.client.pipelines.pipeline_service_list_pipelines
    return server.find(listing, "pipelines", name, **server.in_namespace)


def find_experiment(server, name):
    """The experiment of that name, or None.

    Raises:
      Failure: it is archived, so nothing can run in it.
    """
    listing = server.client.experiments.experiment_service_list_experiments
    experiment = server.find(listing, "experiments", name, **server.in_namespace)
    if experiment is not None:
        _check_storage(experiment)
    return experiment


def _check_storage(experiment):
    if experiment.storage_state == "ARCHIVED":
        raise Failure(
            f"The experiment {experiment.display_name} is archived. Restore it there, or set "
            "kubeflow.experiment to another."
        )
