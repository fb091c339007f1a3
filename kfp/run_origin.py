"""What a package was compiled from, and the time for which a run was scheduled.

Everything that the steps make keeps both. The origin travels in the steps' environment, which
Kubeflow's cache does not count: a new commit alone makes no step run again. The time goes to
the step that ingests the data, which is never cached.
"""

import json

VARIABLE = "STEADYFEED_ORIGIN"
SCHEDULED_TIME = "scheduled_time"
# The driver resolves it only as a constant input of a task, never through a run's parameter.
PLACEHOLDER = "{{$.pipeline_job_schedule_time_utc}}"
_INGESTING = "TfdsExampleGen"


def origin_variable(configuration):
    """{name: value} of the environment variable that carries the origin of a configuration."""
    from pipeline.origin import origin_of

    return {VARIABLE: json.dumps(origin_of(configuration), sort_keys=True)}


def origin_in(environment):
    """{property: text} of what `origin_variable` put there; empty where it did not."""
    return json.loads(environment.get(VARIABLE, "{}"))


def configuration_in(spec):
    """The Configuration that a package was compiled from; None where this code cannot read it."""
    # Not at the top: the steps, which read the origin, need neither.
    from pydantic import ValidationError

    from settings.configuration import Configuration

    for executor in spec["deploymentSpec"]["executors"].values():
        variables = executor.get("container", {}).get("env", [])
        environment = {variable["name"]: variable.get("value", "") for variable in variables}
        origin = origin_in(environment)
        if origin:
            try:
                return Configuration.model_validate(json.loads(origin["configuration"]))
            except ValidationError:  # Another version of this project compiled it.
                return None
    return None


def add_scheduled_time(spec):
    """Makes the scheduled time an input of the ingesting step, if the package has one."""
    task = spec["root"]["dag"]["tasks"].get(_INGESTING)
    if task is None:
        return
    component = spec["components"][task["componentRef"]["name"]]
    inputs = component["inputDefinitions"].setdefault("parameters", {})
    inputs[SCHEDULED_TIME] = {"parameterType": "STRING"}
    task["inputs"].setdefault("parameters", {})[SCHEDULED_TIME] = {
        "runtimeValue": {"constant": PLACEHOLDER}
    }


def take_scheduled_time(properties):
    """Takes the time out of a step's properties; "" where an older backend left it literal."""
    given = properties.pop(SCHEDULED_TIME, "")
    return "" if given == PLACEHOLDER else given
