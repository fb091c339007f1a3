"""What the open-source backend accepts, checked before it is asked.

Each rule reports, with its reason, what the backend (2.17) would report hours later: at the
upload, when the run is created, or at the first step. There is a rule for what a configuration,
a component or an edit by hand can get wrong; what TFX's compiler always gets right has none.
"""

import re

import yaml
from google.protobuf import json_format

from failures import ConfigurationError
from files.strict_json import text_of
from kfp.platform_document import check_platform
from kfp.run_origin import VARIABLE

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_TASK_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,99}")  # of Argo's DAGs
_IMPORTED = ("gs://", "s3://", "minio://", "oci://")
# etcd accepts objects of 1.5 MiB; a ScheduledWorkflow has 2.2 times the bytes of its package.
_MOST_BYTES = 650_000
# Linux accepts 128 KiB in an argument; all of a step's inputs travel in one.
_MOST_VALUE_BYTES = 100_000


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
        make = f"`python -m pipeline compile --config FILE --output {path}` makes a package"
        reason = f"cannot be read: {error.strerror}; {make}"
        raise PackageRefused([reason], path) from None
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
    executors = spec["deploymentSpec"]["executors"]
    yield from _check_head(spec)
    yield from _check_tasks(spec, executors)
    for label, executor in sorted(executors.items()):
        yield from _check_executor(label, executor)
    yield from _check_twins(executors)
    yield from _check_variables(executors)
    for platform in platforms:
        yield from check_platform(platform, executors)
    if len(text_of(documents)) > _MOST_BYTES:
        yield (
            f"the package has more than {_MOST_BYTES:,} bytes; Kubernetes would not hold the "
            "recurring run made of it"
        )


def _unknown_fields(spec):
    """The backend parses strictly: with one unknown field it refuses everything."""
    from kfp.pipeline_spec import pipeline_spec_pb2

    for data, message in (
        (spec, pipeline_spec_pb2.PipelineSpec()),
        (spec["deploymentSpec"], pipeline_spec_pb2.PipelineDeploymentConfig()),
    ):
        try:
            json_format.ParseDict(data, message)
        except json_format.ParseError as error:
            yield f"not a pipeline spec: {str(error).splitlines()[0]}"


def _check_head(spec):
    if spec.get("schemaVersion") != "2.1.0":
        yield f"schemaVersion {spec.get('schemaVersion')}; allowed: 2.1.0"
    name = spec["pipelineInfo"]["name"]
    if not _NAME.fullmatch(name) or len(name) > 63:
        yield (
            f"pipelineInfo.name {name!r}; allowed: lower-case letters, digits, '-' and '.', a "
            "letter or a digit at both ends, 63 at most, because pods are named after it"
        )
    for name, parameter in spec["root"].get("inputDefinitions", {}).get("parameters", {}).items():
        if "defaultValue" not in parameter and not parameter.get("isOptional"):
            yield f"parameter {name}: no default; a scheduled run could not start without it"


def _check_tasks(spec, executors):
    for name, task in sorted(spec["root"]["dag"]["tasks"].items()):
        if not _TASK_NAME.fullmatch(name):
            yield (
                f"task {name}; allowed: letters, digits and '-', a letter first, as in the "
                "component id TfdsExampleGen"
            )
        component = spec["components"][task["componentRef"]["name"]]
        if component["executorLabel"] not in executors:
            yield f"task {name}: its executor {component['executorLabel']} is not in the package"
        if task.get("triggerPolicy", {}).get("condition"):
            yield f"task {name}: a condition; let the component decide instead, as Pusher does"
        yield from _check_retries(name, task.get("retryPolicy", {}))
        given = task.get("inputs", {}).get("parameters", {})
        yield from _check_given(name, component, given)
        for key, source in given.items():
            constant = str(source.get("runtimeValue", {}).get("constant", ""))
            yield from _check_constant(f"task {name}: parameter {key}", constant)
            yield from _check_producer(f"task {name}: parameter {key}", source, spec)


def _check_retries(task, policy):
    """Argo's rule: each wait has to end before backoffMaxDuration since the first start."""
    attempts = int(policy.get("maxRetryCount", 0))
    first, most = (
        float(policy.get(key, "0s").removesuffix("s"))
        for key in ("backoffDuration", "backoffMaxDuration")
    )
    waits = sum(first * policy.get("backoffFactor", 0) ** n for n in range(attempts))
    if attempts and most <= waits:
        yield (
            f"task {task}: backoffMaxDuration {most:.0f}s; the backend counts it from the start of "
            f"the first attempt, and the waits alone take {waits:.0f}s"
        )


def _check_given(task, component, given):
    """The head without ML Metadata (kubeflow/pipelines#13986, resolveParameters) insists on it."""
    for key, asked in component.get("inputDefinitions", {}).get("parameters", {}).items():
        if key not in given and "defaultValue" not in asked and not asked.get("isOptional"):
            yield f"task {task}: parameter {key} has neither a value nor a default"


def _check_constant(place, text):
    # `{{$.` begins the driver's own placeholders, which Argo ignores.
    if "{{" in text.replace("{{$.", ""):
        yield f"{place} holds '{{{{', which Argo reads as the beginning of a placeholder"
    if len(text.encode()) > _MOST_VALUE_BYTES:
        yield (
            f"{place} has more than {_MOST_VALUE_BYTES:,} bytes; all inputs of a step travel in "
            "one argument"
        )


def _check_producer(place, source, spec):
    """TFX points the readers of an output parameter at `<task>_task`, which does not exist."""
    if "taskOutputParameter" in source:
        asked = source["taskOutputParameter"]
        producer = spec["root"]["dag"]["tasks"].get(asked["producerTask"])
        made = producer and spec["components"][producer["componentRef"]["name"]]
        outputs = (made or {}).get("outputDefinitions", {}).get("parameters", {})
        if asked["outputParameterKey"] not in outputs:
            yield (
                f"{place} is the output {asked['outputParameterKey']} of "
                f"{asked['producerTask']}, which no task of the package has"
            )


def _check_executor(label, executor):
    if "resolver" in executor:
        yield f"{label}: a resolver; the backend has none, so look the artifact up in a component"
    elif "importer" in executor:
        uri = executor["importer"].get("artifactUri", {}).get("constant", "")
        if uri and not uri.startswith(_IMPORTED):
            yield f"{label}: imports {uri}; the backend imports only {', '.join(_IMPORTED)}"
    else:
        container = executor["container"]
        tag = container["image"].rpartition("/")[2].partition(":")[2]
        if not tag or tag == "latest":
            yield (
                f"{label}: image {container['image']!r}; the cache knows an image by its name "
                "alone, so each content needs a tag of its own"
            )
        if container.get("lifecycle"):
            yield f"{label}: a lifecycle hook, which the backend never runs"


def _check_variables(executors):
    containers = [executor.get("container", {}) for executor in executors.values()]
    variables = {(v["name"], v.get("value", "")) for c in containers for v in c.get("env", [])}
    for name, value in sorted(variables):
        origin = " (a text of the configuration)" if name == VARIABLE else ""
        yield from _check_constant(f"variable {name}{origin}", value)


def _check_twins(executors):
    seen = {}
    for label, executor in sorted(executors.items()):
        text = text_of(executor.get("container"), sort_keys=True)
        if "container" in executor and text in seen:
            yield (
                f"{label}: its container equals that of {seen[text]}; the backend would take one "
                "component's inputs for both"
            )
        seen[text] = label
