"""What a package was compiled from, which the step that pushes writes into the model's record.

It travels in the environment of that step alone, which is never cached. Kubeflow 2.17 does not
count variables in its cache's key, and later versions do (kubeflow/pipelines#14340): elsewhere, a
new commit alone would make every step run again.
"""

import json

from files.strict_json import text_of

VARIABLE = "STEADYFEED_ORIGIN"


def origin_variable(configuration):
    """{name: value} of the environment variable that carries the origin of a configuration."""
    from pipeline.origin import origin_of

    return {VARIABLE: text_of(origin_of(configuration), sort_keys=True)}


def origin_in(environment):
    """{property: text} of what `origin_variable` put there; empty where it did not."""
    return json.loads(environment.get(VARIABLE, "{}"))


def with_run_values(origin, values):
    """The origin of a run whose parameters have these values, by dotted key."""
    if not values or "configuration" not in origin:
        return origin
    # Not at the top: a step may import only what its code's fingerprint covers.
    from settings.section import put

    configuration = json.loads(origin["configuration"])
    for key, value in values.items():
        put(configuration, key, value)
    return origin | {"configuration": text_of(configuration, sort_keys=True)}


def recorded_in(spec):
    """The configuration that a package was compiled from, as plain data; None without one."""
    for executor in spec["deploymentSpec"]["executors"].values():
        variables = executor.get("container", {}).get("env", [])
        environment = {variable["name"]: variable.get("value", "") for variable in variables}
        origin = origin_in(environment)
        if origin:
            return json.loads(origin["configuration"])
    return None
