"""A package on the server: its pipeline, its version named by content, its experiment."""

import dataclasses
import hashlib
import json
from pathlib import Path

from failures import ConfigurationError, Failure
from kfp.package_rules import read_package


@dataclasses.dataclass(frozen=True)
class Package:
    """A compiled package.

    Attributes:
      file: its path.
      spec: the pipeline spec, as a dict.
      pipeline: the pipeline's name.
      version: a name for its content; one byte more and it is another.
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


def open_package(file):
    """The Package in a file.

    Raises:
      ConfigurationError: there is no such file.
      kfp.package_rules.PackageRefused: it is no package.
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


def upload(server, package, experiment, say):
    """Brings the package, if it is not there, and the experiment to the server.

    Args:
      server: a Server.
      package: a Package.
      experiment: its name, or None for the pipeline's.
      say: prints one line.

    Returns:
      Uploaded.
    """
    pipeline_id = _pipeline(server, package.pipeline, say)
    version_id = _version(server, package, pipeline_id, say)
    name = experiment or package.pipeline
    return Uploaded(pipeline_id, version_id, ensure_experiment(server, name, say), name)


def find_experiment(server, name):
    """The experiment of that name, or None.

    Raises:
      Failure: it is archived, so nothing can run in it.
    """
    experiment = _only(
        server,
        server.pages(
            server.client.experiments.experiment_service_list_experiments,
            "experiments",
            filter=named(name),
            **_in_namespace(server),
        ),
        f"experiments named {name}",
    )
    if experiment is not None and experiment.storage_state == "ARCHIVED":
        raise Failure(
            f"The experiment {name} is archived. Restore it there, or set kubeflow.experiment "
            "to another."
        )
    return experiment


def ensure_experiment(server, name, say):
    """The id of the experiment of that name, made if missing."""

    def make():
        say(f"The experiment {name} is new.")
        body = server.client.api_models.V2beta1Experiment(
            display_name=name, namespace=server.namespace
        )
        create = server.client.experiments.experiment_service_create_experiment
        return server.call(create, body, repeatable=False)

    found = server.create(lambda: find_experiment(server, name), make)
    return identity(server, found, "experiment_id")


def named(name):
    """The filter of a list call for one exact name."""
    predicate = {"operation": "EQUALS", "key": "display_name", "stringValue": name}
    return json.dumps({"predicates": [predicate]})


def identity(server, thing, attribute):
    """The thing's id; the answer of another service has none."""
    value = getattr(thing, attribute, None)
    if not value:
        raise server.stranger()
    return value


def _pipeline(server, name, say):
    api = server.client.pipelines

    def find():
        found = server.pages(
            api.pipeline_service_list_pipelines,
            "pipelines",
            filter=named(name),
            **_in_namespace(server),
        )
        return _only(server, found, f"pipelines named {name}")

    def make():
        # Not by an upload: that makes a first version that has the pipeline's name.
        body = server.client.api_models.V2beta1Pipeline(
            display_name=name, namespace=server.namespace
        )
        say(f"The pipeline {name} is new.")
        return server.call(api.pipeline_service_create_pipeline, body, repeatable=False)

    return identity(server, server.create(find, make), "pipeline_id")


def _version(server, package, pipeline_id, say):
    client, made = server.client, []

    def find():
        found = server.pages(
            client.pipelines.pipeline_service_list_pipeline_versions,
            "pipeline_versions",
            pipeline_id=pipeline_id,
            filter=named(package.version),
        )
        return _only(server, found, f"versions named {package.version}")

    def make():
        made.append(True)
        return server.call(
            client.pipeline_uploads.upload_pipeline_version,
            package.file,
            name=package.version,
            pipelineid=pipeline_id,
            repeatable=False,
        )

    version_id = identity(server, server.create(find, make), "pipeline_version_id")
    what = "is uploaded" if made else "is there already"
    say(f"The version {package.version} of {package.pipeline} {what}.")
    return version_id


def _in_namespace(server):
    return {"namespace": server.namespace} if server.namespace else {}


def _only(server, found, what):
    if len(found) > 1:
        raise Failure(f"{server.url} has {len(found)} {what}. Rename or delete all but one.")
    return found[0] if found else None
