"""What the open-source backend takes, checked before it is asked.

Each rule says what the backend (2.17) would say hours later, at the upload, at the run's
creation or at the first step, and why.
"""

import json
import re

import yaml
from google.protobuf import json_format

from failures import ConfigurationError
from kfp.package_tasks import check_task, has_cycle
from kfp.platform_rules import check_platform
from kfp.rule_patterns import QUANTITY, SCHEMA_TITLE

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_IMPORTED = ("gs://", "s3://", "minio://", "oci://")
# etcd takes objects of 1.5 MiB; the workflow holds the package once and its own text.
_MOST_BYTES = 1_000_000
# Linux takes 128 KiB an argument; all of a step's inputs travel in one.
_MOST_ARGUMENT_BYTES = 100_000


class PackageRefused(ConfigurationError):
    """What the backend would refuse, a line for each reason."""

    def __init__(self, reasons, file=None):
        super().__init__(*(f"{file}: {reason}" if file else reason for reason in reasons))
        self.reasons = reasons


def check_package(documents):
    """Raises PackageRefused where the backend would refuse the package.

    Args:
      documents: the YAML documents of a package, as plain data.
    """
    try:
        reasons = list(_reasons(documents))
    except (AttributeError, LookupError, TypeError, ValueError):
        # The rules go through what a compiler writes; by hand, anything may be elsewhere.
        reasons = ["not of the form of a pipeline spec: a part is missing or of another kind"]
    if reasons:
        raise PackageRefused(reasons)


def read_package(path):
    """The documents in a file, checked: (pipeline spec, kubernetes executors by label).

    Raises:
      PackageRefused: it is no package that the backend takes.
    """
    if path.suffix not in (".yaml", ".yml"):
        raise PackageRefused(["the backend takes .yaml files, and never JSON"], path)
    try:
        documents = [d for d in yaml.safe_load_all(path.read_text(encoding="utf-8")) if d]
        check_package(documents)
    except OSError as error:
        raise PackageRefused([f"cannot be read: {error.strerror}"], path) from None
    # PyYAML passes on what Python's own types say of an impossible date.
    except (yaml.YAMLError, ValueError, AttributeError) as error:
        raise PackageRefused([f"not YAML: {str(error).splitlines()[0]}"], path) from None
    except PackageRefused as refusal:
        raise PackageRefused(refusal.reasons, path) from None
    [spec] = [d for d in documents if "platforms" not in d]
    [platform] = [d for d in documents if "platforms" in d] or [{}]
    kubernetes = platform.get("platforms", {}).get("kubernetes", {})
    return spec, kubernetes.get("deploymentSpec", {}).get("executors", {})


def _reasons(documents):
    if not all(isinstance(document, dict) for document in documents):
        yield "a document that is no mapping"
        return
    specs = [d for d in documents if "pipelineInfo" in d]
    platforms = [d for d in documents if "platforms" in d]
    if len(specs) != 1 or len(platforms) > 1 or len(documents) != len(specs) + len(platforms):
        yield "one pipeline spec and at most one platform spec are taken, and nothing else"
        return
    [spec] = specs
    malformed = list(_unknown_fields(spec))
    yield from malformed
    if malformed:
        return
    yield from _check_head(spec)
    components, executors = spec.get("components", {}), spec["deploymentSpec"]["executors"]
    for name, component in sorted(components.items()):
        yield from _check_component(name, component, executors)
    for label, executor in sorted(executors.items()):
        yield from _check_executor(label, executor)
    yield from _check_twins(executors)
    tasks = spec["root"]["dag"]["tasks"]
    for name, task in sorted(tasks.items()):
        yield from check_task(name, task, spec)
    if has_cycle(tasks):
        yield "the tasks wait for each other in a circle"
    for platform in platforms:
        yield from check_platform(platform, executors)
    if len(json.dumps(documents)) > _MOST_BYTES:
        yield f"the package has more than {_MOST_BYTES:,} bytes; a workflow object holds no more"


def _unknown_fields(spec):
    """The backend parses strictly: one unknown field and nothing is taken."""
    from kfp.pipeline_spec import pipeline_spec_pb2

    deployment = spec.get("deploymentSpec", {})
    for data, message in (
        (spec, pipeline_spec_pb2.PipelineSpec()),
        (deployment, pipeline_spec_pb2.PipelineDeploymentConfig()),
    ):
        try:
            json_format.ParseDict(data, message)
        except json_format.ParseError as error:
            yield f"not of the form of a pipeline spec: {str(error).splitlines()[0]}"
    if not spec.get("root", {}).get("dag", {}).get("tasks"):
        yield "root: no tasks"
    if not deployment.get("executors"):
        yield "deploymentSpec: no executors"


def _check_head(spec):
    if spec.get("schemaVersion") != "2.1.0":
        yield f"schemaVersion {spec.get('schemaVersion')}: the backend takes 2.1.0 alone"
    name = spec["pipelineInfo"].get("name", "")
    if not _NAME.fullmatch(name) or len(name) > 63:
        yield (
            f"pipelineInfo.name {name!r}: lower-case letters, digits, '-' and '.', a letter or "
            "a digit at both ends, 63 at most: pods are named and labelled after it"
        )
    for name, parameter in spec["root"].get("inputDefinitions", {}).get("parameters", {}).items():
        if "defaultValue" not in parameter and not parameter.get("isOptional"):
            yield f"parameter {name}: no default; a scheduled run could not start without it"


def _check_component(name, component, executors):
    label = component.get("executorLabel")
    if label not in executors:
        yield f"component {name}: its executor {label} is not in deploymentSpec"
    for direction in ("inputDefinitions", "outputDefinitions"):
        for key, artifact in component.get(direction, {}).get("artifacts", {}).items():
            yield from _check_schema(f"component {name}: {key}", artifact["artifactType"])
            if direction == "outputDefinitions" and key == "executor-logs":
                yield f"component {name}: the output executor-logs is the backend's own"
    if component.get("outputDefinitions", {}).get("parameters"):
        yield (
            f"component {name}: an output parameter; TFX points its readers at a task that "
            "there is not"
        )


def _check_schema(place, schema):
    if "schemaUri" in schema:
        yield f"{place}: schemaUri is not supported"
        return
    title = schema.get("schemaTitle")
    if title is None:
        parsed = yaml.safe_load(schema.get("instanceSchema", "")) or {}
        title = parsed.get("title") if isinstance(parsed, dict) else None
    if not title or not SCHEMA_TITLE.fullmatch(title):
        yield f"{place}: its type's title is {title!r}; namespace.Title is needed"


def _check_executor(label, executor):
    if "resolver" in executor:
        yield (
            f"{label}: a resolver; the backend implements none. Look the artifact up in a component"
        )
    elif "importer" in executor:
        uri = executor["importer"].get("artifactUri", {}).get("constant", "")
        if uri and not uri.startswith(_IMPORTED):
            yield f"{label}: {uri} is imported; the backend imports {', '.join(_IMPORTED)} alone"
    elif "container" in executor:
        yield from _check_container(label, executor["container"])
    else:
        yield f"{label}: {', '.join(executor) or 'an empty executor'}; the backend runs containers"


def _check_container(label, container):
    image = container.get("image", "")
    tag = image.rpartition("/")[2].partition(":")[2]
    if not tag or tag == "latest":
        yield (
            f"{label}: image {image!r}; the cache knows an image by its name alone, so it "
            "needs a tag of its own for each content"
        )
    if not container.get("command"):
        yield f"{label}: no command; the launcher has nothing to run"
    if container.get("lifecycle"):
        yield f"{label}: a lifecycle hook, which the backend never runs"
    for argument in container.get("args", []):
        if len(argument.encode()) > _MOST_ARGUMENT_BYTES:
            yield f"{label}: an argument of more than {_MOST_ARGUMENT_BYTES:,} bytes"
    resources = dict(container.get("resources", {}))
    accelerator = resources.pop("accelerator", {})
    quantities = resources | {"accelerator": accelerator.get("resourceCount", "1")}
    for field, value in quantities.items():
        if isinstance(value, str) and not QUANTITY.fullmatch(value):
            yield f"{label}: {field} {value!r} is no quantity of Kubernetes"


def _check_twins(executors):
    seen = {}
    for label, executor in sorted(executors.items()):
        text = json.dumps(executor.get("container"), sort_keys=True)
        if "container" in executor and text in seen:
            yield (
                f"{label}: its container is the same as that of {seen[text]}; the backend "
                "would take one component's inputs for both"
            )
        seen[text] = label
