"""The rules about tasks: their names, what they wait for and what they receive."""

import graphlib
import re

_PYTHON_TYPES = {
    "STRING": str,
    "NUMBER_INTEGER": (int, float),
    "NUMBER_DOUBLE": (int, float),
    "BOOLEAN": bool,
}
_MOST_VALUE_BYTES = 100_000
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,99}")  # of Argo's DAGs
_DURATION = re.compile(r"\d+(\.\d+)?s")


def check_task(name, task, spec):
    """Yields what the backend would refuse in a task."""
    tasks, components = spec["root"]["dag"]["tasks"], spec.get("components", {})
    if not _NAME.fullmatch(name):
        yield (
            f"task {name}; allowed: letters, digits and '-', a letter first, as in the component "
            "id TfdsExampleGen"
        )
    if name.endswith("-driver") and name.removesuffix("-driver") in tasks:
        yield f"task {name}: the backend's own name for the driver of another task"
    if task.get("taskInfo", {}).get("name") != name:
        yield f"task {name}: taskInfo.name is {task.get('taskInfo', {}).get('name')!r}"
    component = components.get(task.get("componentRef", {}).get("name"))
    if component is None:
        yield f"task {name}: its component is not in the package"
        return
    for needed in task.get("dependentTasks", []):
        if needed not in tasks:
            yield f"task {name}: waits for {needed}, which is not a task"
    yield from _check_parameters(name, task, component, spec)
    yield from _check_artifacts(name, task, component, spec)
    if task.get("triggerPolicy", {}).get("condition"):
        yield f"task {name}: a condition; let the component decide instead, as Pusher does"
    yield from _check_retries(name, task.get("retryPolicy", {}))


def producers_of(task):
    """The names of the tasks whose outputs a task reads."""
    return {
        source["taskOutputArtifact"]["producerTask"]
        for source in task.get("inputs", {}).get("artifacts", {}).values()
        if "taskOutputArtifact" in source
    }


def has_cycle(tasks):
    graph = {
        name: {*task.get("dependentTasks", []), *producers_of(task)} for name, task in tasks.items()
    }
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError:
        return True
    return False


def _check_parameters(name, task, component, spec):
    specs = component.get("inputDefinitions", {}).get("parameters", {})
    root = spec["root"].get("inputDefinitions", {}).get("parameters", {})
    given = task.get("inputs", {}).get("parameters", {})
    for key, parameter in specs.items():
        optional = parameter.get("isOptional") or "defaultValue" in parameter
        if key not in given and not optional:
            yield f"task {name}: parameter {key} gets no value"
    for key, source in given.items():
        place = f"task {name}: parameter {key}"
        kind = specs.get(key, {}).get("parameterType")
        if kind is None:
            yield f"{place} is not declared by the component"
        elif "componentInputParameter" in source:
            yield from _check_reference(place, kind, source["componentInputParameter"], root)
        elif "taskOutputParameter" in source:
            producer = source["taskOutputParameter"]["producerTask"]
            yield f"{place} is an output of {producer}; TFX compiles it to a wrong task name"
        else:
            yield from _check_constant(place, kind, source.get("runtimeValue", {}))


def _check_reference(place, kind, name, root):
    if name not in root:
        yield f"{place} reads the pipeline's parameter {name}, which does not exist"
    elif root[name]["parameterType"] != kind:
        yield f"{place} is {kind}, the pipeline's parameter {name} is {root[name]['parameterType']}"


def _check_constant(place, kind, value):
    if "constant" not in value:
        yield f"{place} has no constant value"
    elif not isinstance(value["constant"], _PYTHON_TYPES.get(kind, object)):
        yield f"{place} is {kind} and has a value of type {type(value['constant']).__name__}"
    # `{{$.` begins the driver's own placeholders, which Argo ignores.
    elif "{{" in str(value["constant"]).replace("{{$.", ""):
        yield f"{place} holds '{{{{', which Argo reads as the beginning of a placeholder"
    elif len(str(value["constant"]).encode()) > _MOST_VALUE_BYTES:
        yield (
            f"{place} has more than {_MOST_VALUE_BYTES:,} bytes; all inputs of a step travel in "
            "one argument"
        )


def _check_artifacts(name, task, component, spec):
    declared = component.get("inputDefinitions", {}).get("artifacts", {})
    given = task.get("inputs", {}).get("artifacts", {})
    for key, artifact in declared.items():
        if key not in given and not artifact.get("isOptional"):
            yield f"task {name}: input {key} has no source"
    for key, source in given.items():
        place = f"task {name}: input {key}"
        if key not in declared:
            yield f"{place} is not declared by the component"
        output = source.get("taskOutputArtifact")
        if output is None:
            yield f"{place} is not an output of a task"
            continue
        producer = spec["root"]["dag"]["tasks"].get(output["producerTask"])
        if producer is None:
            yield f"{place} comes from {output['producerTask']}, which is not a task"
            continue
        outputs = spec["components"].get(producer["componentRef"]["name"], {})
        if output["outputArtifactKey"] not in outputs.get("outputDefinitions", {}).get(
            "artifacts", {}
        ):
            yield f"{place}: {output['producerTask']} has no output {output['outputArtifactKey']}"


def _check_retries(name, policy):
    for field in ("backoffDuration", "backoffMaxDuration"):
        if field in policy and not _DURATION.fullmatch(policy[field]):
            yield f"task {name}: {field} {policy[field]!r}; allowed: seconds, as in 30s"
