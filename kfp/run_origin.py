"""What a package was compiled from, kept on everything that its steps make.

It travels in the steps' environment, which Kubeflow's cache does not count: a new commit
alone makes no step run again.
"""

import json

VARIABLE = "STEADYFEED_ORIGIN"


def origin_variable(configuration):
    """{name: value} of the environment variable that tells the origin of a configuration."""
    from pipeline.origin import origin_of

    return {VARIABLE: json.dumps(origin_of(configuration), sort_keys=True)}


def origin_in(environment):
    """{property: text} of what `origin_variable` put there; empty where it did not."""
    return json.loads(environment.get(VARIABLE, "{}"))
