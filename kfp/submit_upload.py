"""A package on the server: its pipeline, its version named by content, its experiment."""

import dataclasses
import hashlib
from pathlib import Path

from failures import ConfigurationError, Failure
from kfp.package_rules import read_package
from kfp.submit_connection import Server


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


@dataclasses.dataclass(frozen=True)
class Uploaded:
    """Ids on the server."""

    pipeline_id: str
    version_id: str
    experiment_id: str
    experiment: str

    def run_fields(self, models, values, pipeline_root, service_account):
        """What a run and a recurring run of it have in common.

        Args:
          pipeline_root: minio://, s3:// or gs:// URI, or None for the server's own.
          service_account: of the pods, or None for the cluster's default.
        """
        return {
            "experiment_id": self.experiment_id,
            "pipeline_version_reference": models.V2beta1PipelineVersionReference(
                pipeline_id=self.pipeline_id, pipeline_version_id=self.version_id
            ),
            "runtime_config": models.V2beta1RuntimeConfig(
                parameters=values, pipeline_root=pipeline_root
            ),
            "service_account": service_account,
        }


def open_package(file):
    """The Package in a file.

    Raises:
      ConfigurationError: the file does not exist, or the backend does not accept it.
    """
    try:
        content = Path(file).read_bytes()
    except OSError as error:
        raise ConfigurationError(
            f"--package {file}: {error.strerror}; allowed: a file made by "
            "`python -m pipeline compile`"
        ) from None
    spec, _ = read_package(Path(file))
    digest = hashlib.sha256(content).hexdigest()
    return Package(str(file), spec, spec["pipelineInfo"]["name"], f"sha256-{digest[:16]}")


def upload(server: Server, package: Package, experiment: str | None, say) -> Uploaded:
    """Uploads the package and makes its experiment, each unless the server has it."""
    pipeline_id = _pipeline(server, package.pipeline, say)
    version_id = _version(server, package, pipeline_id, say)
    name = experiment or package.pipeline
    return Uploaded(pipeline_id, version_id, _experiment(server, name, say), name)


def find_experiment(server, name):
    """The experiment of that name, or None.

    Raises:
      Failure: it is archived, so nothing can run in it.
    """
    experiment = server.find(
        server.client.experiments.experiment_service_list_experiments,
        "experiments",
        name,
        **server.in_namespace,
    )
    if experiment is not None and experiment.storage_state == "ARCHIVED":
        raise Failure(
            f"The experiment {name} is archived. Restore it there, or set kubeflow.experiment "
            "to another."
        )
    return experiment


def _experiment(server, name, say):
    def make():
        say(f"The experiment {name} is new.")
        body = server.client.api_models.V2beta1Experiment(
            display_name=name, namespace=server.namespace
        )
        create = server.client.experiments.experiment_service_create_experiment
        return server.call(create, body, repeatable=False)

    found = server.create(lambda: find_experiment(server, name), make)
    return server.id_of(found, "experiment_id")


def _pipeline(server, name, say):
    api = server.client.pipelines

    def find():
        listing = api.pipeline_service_list_pipelines
        return server.find(listing, "pipelines", name, **server.in_namespace)

    def make():
        # Not by an upload, which would make a first version with the pipeline's name.
        say(f"The pipeline {name} is new.")
        body = server.client.api_models.V2beta1Pipeline(
            display_name=name, namespace=server.namespace
        )
        return server.call(api.pipeline_service_create_pipeline, body, repeatable=False)

    return server.id_of(server.create(find, make), "pipeline_id")


def _version(server, package, pipeline_id, say):
    made = []

    def find():
        return server.find(
            server.client.pipelines.pipeline_service_list_pipeline_versions,
            "pipeline_versions",
            package.version,
            pipeline_id=pipeline_id,
        )

    def make():
        made.append(True)
        return server.call(
            server.client.pipeline_uploads.upload_pipeline_version,
            package.file,
            name=package.version,
            pipelineid=pipeline_id,
            repeatable=False,
        )

    version_id = server.id_of(server.create(find, make), "pipeline_version_id")
    what = "is uploaded" if made else "is already there"
    say(f"The version {package.version} of {package.pipeline} {what}.")
    return version_id
