"""What the open-source backend accepts, checked before it is asked.

Each rule reports, with its reason, what the backend (2.17) would report hours later: at the
upload, when the run is created, or at the first step.
"""

import json
import re

import yaml
from google.protobuf import json_format

from failures import ConfigurationError
from kfp.package_tasks import check_task, has_cycle
from kfp.platform_document import check_platform
from settings.kubernetes import QUANTITY

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_SCHEMA_TITLE = re.compile(r"[a-z][\w-]*(\.[\w-]+)*\.[A-Za-z][\w-]*")
_IMPORTED = ("gs://", "s3://", "minio://", "oci://")
# etcd accepts objects of 1.5 MiB; the workflow holds the package once and its own text.
_MOST_BYTES = 1_000_000
# Linux accepts 128 KiB in an argument; all of a step's inputs travel in one.
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
        # The rules walk what a compiler writes; in a file edited by hand, anything may differ.
        reasons = ["not a pipeline spec: a part is missing or of another kind"]
    if reasons:
        raise PackageRefused(reasons)


def read_package(path):
    """The documents in a file, checked: (pipeline spec, kubernetes executors by label).

    Raises:
      PackageRefused: the backend does not accept the file.
    """
    if path.suffix not in (".yaml", ".yml"):
        raise PackageRefused(["the backend accepts .yaml files, and never JSON"], path)
    try:
        documents = [d for d in yaml.safe_load_all(path.read_text(encoding="utf-8")) if d]
        check_package(documents)
    except OSError as error:
        raise PackageRefused([f"cannot be read: {error.strerror}"], path) from None
    # PyYAML passes on the errors of Python's own types, as for an impossible date.
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
        yield "a document is not a mapping"
        return
    specs = [d for d in documents if "pipelineInfo" in d]
    platforms = [d for d in documents if "platforms" in d]
    if len(specs) != 1 or len(platforms) > 1 or len(documents) != len(specs) + len(platforms):
        yield "allowed: one pipeline spec and at most one platform spec"
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
    """The backend parses strictly: with one unknown field it refuses everything."""
    from kfp.pipeline_spec import pipeline_spec_pb2

    deployment = spec.get("deploymentSpec", {})
    for data, message in (
        (spec, pipeline_spec_pb2.PipelineSpec()),
        (deployment, pipeline_spec_pb2.PipelineDeploymentConfig()),
    ):
        try:
            json_format.ParseDict(data, message)
        except json_format.ParseError as error:
            yield f"not a pipeline spec: {str(error).splitlines()[0]}"
    if not spec.get("root", {}).get("dag", {}).get("tasks"):
        yield "root: no tasks"
    if not deployment.get("executors"):
        yield "deploymentSpec: no executors"


def _check_head(spec):
    if spec.get("schemaVersion") != "2.1.0":
        yield f"schemaVersion {spec.get('schemaVersion')}; allowed: 2.1.0"
    name = spec["pipelineInfo"].get("name", "")
    if not _NAME.fullmatch(name) or len(name) > 63:
        yield (
            f"pipelineInfo.name {name!r}; allowed: lower-case letters, digits, '-' and '.', a "
            "letter or a digit at both ends, 63 at most, because pods are named after it"
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
            "does not exist"
        )


def _check_schema(place, schema):
    if "schemaUri" in schema:
        yield f"{place}: schemaUri is not supported"
        return
    title = schema.get("schemaTitle")
    if title is None:
        parsed = yaml.safe_load(schema.get("instanceSchema", "")) or {}
        title = parsed.get("title") if isinstance(parsed, dict) else None
    if not title or not _SCHEMA_TITLE.fullmatch(title):
        yield f"{place}: its type's title is {title!r}; allowed: namespace.Title"


def _check_executor(label, executor):
    if "resolver" in executor:
        yield f"{label}: a resolver; the backend has none, so look the artifact up in a component"
    elif "importer" in executor:
        uri = executor["importer"].get("artifactUri", {}).get("constant", "")
        if uri and not uri.startswith(_IMPORTED):
            yield f"{label}: imports {uri}; the backend imports only {', '.join(_IMPORTED)}"
    elif "container" in executor:
        yield from _check_container(label, executor["container"])
    else:
        yield f"{label}: {', '.join(executor) or 'an empty executor'}; the backend runs containers"


def _check_container(label, container):
    image = container.get("image", "")
    tag = image.rpartition("/")[2].partition(":")[2]
    if not tag or tag == "latest":
        yield (
            f"{label}: image {image!r}; the cache knows an image by its name alone, so each "
            "content needs a tag of its own"
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
        try:
            # Numbers, which older compilers wrote, need no unit.
            QUANTITY(value if isinstance(value, str) else "0")
        except ValueError as error:
            yield f"{label}: {field} {value!r}; {error}"


def _check_twins(executors):
    seen = {}
    for label, executor in sorted(executors.items()):
        text = json.dumps(executor.get("container"), sort_keys=True)
        if "container" in executor and text in seen:
            yield (
                f"{label}: its container equals that of {seen[text]}; the backend would take one "
                "component's inputs for both"
            )
        seen[text] = label
