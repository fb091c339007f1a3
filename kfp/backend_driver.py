"""Stands in for the open-source driver, which prepares a step's inputs and output addresses.

It copies the driver's peculiarities: an input's type is blank, its metadata has been through
ML Metadata, and an output `executor-logs` is added. Outputs are as provisionOutputs makes them
(kubeflow/pipelines, backend/src/v2/driver/driver.go, 2.17), inputs as resolveInputs (resolve.go).
"""

import hashlib
import uuid
from typing import NamedTuple

from failures import Failure
from files.strict_json import text_of
from kfp.entrypoint import LOG_OUTPUT
from kfp.launcher_paths import local_path
from kfp.platform_document import volumes


class Made(NamedTuple):
    """What a step left."""

    artifacts: dict  # {output: record}
    parameters: dict  # {output: value}


def executor_input(task, component, made, parameters, root, pod):
    """The ExecutorInput of a task, as JSON.

    Args:
      task, component: the specs of a task and its component.
      made: {task: Made} of the finished tasks.
      parameters: the values of the run's parameters, and of the driver's placeholders.
      root: the run's address, `<pipeline root>/<pipeline>/<run id>`.
      pod: the folder that stands in for the root of the pod's file system.
    """
    inputs = {
        "parameterValues": _parameter_values(task, component, made, parameters),
        "artifacts": {
            name: {"artifacts": [_output(source["taskOutputArtifact"], made)]}
            for name, source in task.get("inputs", {}).get("artifacts", {}).items()
        },
    }
    address = f"{root}/{task['taskInfo']['name']}/{uuid.uuid4()}"
    return {
        "inputs": inputs,
        "outputs": {
            "artifacts": _outputs(component, address),
            "parameters": {
                name: {"outputFile": f"{pod}/tmp/kfp/outputs/{name}"}
                for name in component.get("outputDefinitions", {}).get("parameters", {})
            },
            "outputFile": f"{local_path(address, str(pod))}/output_metadata.json",
        },
    }


def cache_key(given, container, fields):
    """The key by which the backend looks for an earlier result of a step.

    Source: kubeflow/pipelines, backend/src/v2/cacheutils/cache.go, GenerateCacheKey: neither
    the addresses of outputs count, nor does anything within an artifact. The environment does
    since #14340 (September 2026, after 2.17), and so it does here.

    Args:
      given: the step's ExecutorInput.
      container: its container's spec.
      fields: its part of the platform document.
    """
    names = {
        key: [artifact["name"] for artifact in value["artifacts"]]
        for key, value in given["inputs"]["artifacts"].items()
    }
    outputs = {
        key: [{**artifact, "uri": None} for artifact in value["artifacts"]]
        for key, value in given["outputs"]["artifacts"].items()
    }
    words = [*container["command"], *container.get("args", [])]
    claims = sorted({claim for claim, _ in volumes(fields)})
    values, named = given["inputs"]["parameterValues"], sorted(given["outputs"]["parameters"])
    variables = container.get("env", [])
    key = [names, values, outputs, named, container["image"], words, claims, variables]
    return hashlib.sha256(text_of(key, sort_keys=True).encode()).hexdigest()


def survive(metadata):
    """The part of an output's metadata that reaches the next step.

    Raises:
      Failure: ML Metadata does not accept a value, which fails the step.
    """
    return {key: _survivor(key, value) for key, value in metadata.items()}


def _survivor(key, value):
    match value:
        case str():
            return value
        case bool() | int() | float():
            return float(value)
        case list():
            return {"list": value}
        case dict():
            return {"struct": value}
    raise Failure(
        f"the metadata {key!r} has no value, and an execution with it cannot be published. "
        "Leave the key out."
    )


def _parameter_values(task, component, made, parameters):
    specs = component.get("inputDefinitions", {}).get("parameters", {})
    values = {n: s["defaultValue"] for n, s in specs.items() if "defaultValue" in s}
    for name, source in task.get("inputs", {}).get("parameters", {}).items():
        if "componentInputParameter" in source:
            values[name] = parameters[source["componentInputParameter"]]
        elif "taskOutputParameter" in source:
            asked = source["taskOutputParameter"]
            values[name] = made[asked["producerTask"]].parameters[asked["outputParameterKey"]]
        else:
            constant = source["runtimeValue"]["constant"]
            # Only a whole value is a placeholder, as in the driver's resolve.go.
            values[name] = parameters.get(constant, constant)
    return values


def _output(source, made):
    record = made[source["producerTask"]].artifacts[source["outputArtifactKey"]]
    return record | {"type": {"instanceSchema": ""}}


def _outputs(component, root):
    declared = component.get("outputDefinitions", {}).get("artifacts", {})
    outputs = {
        name: {"name": name, "uri": f"{root}/{name}", "type": spec["artifactType"]}
        | ({"metadata": spec["metadata"]} if "metadata" in spec else {})
        for name, spec in declared.items()
    }
    outputs[LOG_OUTPUT] = {
        "name": LOG_OUTPUT,
        "uri": f"{root}/{LOG_OUTPUT}",
        "type": {"schemaTitle": "system.Artifact"},
    }
    return {name: {"artifacts": [record]} for name, record in outputs.items()}
