"""The values of a run: its parameters, and the folders that stand in for volumes."""

import json
import math

from failures import ConfigurationError, did_you_mean
from files.strict_json import text_of
from kfp.platform_document import volumes
from kfp.run_checks import check_values
from kfp.run_facts import TRIGGER
from kfp.run_origin import recorded_in

_TYPES = {"STRING": str, "NUMBER_INTEGER": int, "NUMBER_DOUBLE": float}


def parameters_of(spec):
    """{name: parameter} of what the user of a package may give a run."""
    known = spec["root"].get("inputDefinitions", {}).get("parameters", {})
    return {name: parameter for name, parameter in known.items() if name != TRIGGER}


def given_values(spec, given, say=print):
    """{name: value} of the parameters that a run is given, in the package's types.

    Args:
      given: texts `name=value`.
      say: called with a line where not all can be checked.

    Raises:
      ConfigurationError: a parameter is unknown, of another type, or not allowed by the
        configuration that the package was compiled from.
    """
    known, values = parameters_of(spec), {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise ConfigurationError(f"--param {text}; allowed: name=value")
        if name not in known:
            raise ConfigurationError(
                f"--param {name}: {_why_unknown(spec, name)}; allowed: "
                f"{', '.join(sorted(known)) or 'none'}{did_you_mean(name, known)}"
            )
        values[name] = _typed(name, value, known[name]["parameterType"])
    check_values(spec, values, say)
    return values


def run_values(spec, given):
    """The value of each parameter of a package: as given, or its default."""
    known = spec["root"].get("inputDefinitions", {}).get("parameters", {})
    defaults = {name: parameter.get("defaultValue") for name, parameter in known.items()}
    return defaults | given_values(spec, given)


def _why_unknown(spec, name):
    """Words for a name that the package has no parameter for."""
    recorded = recorded_in(spec) or {}
    key = recorded.get("kubeflow", {}).get("parameters", {}).get(name)
    if key in (recorded.get("tuner") or {}).get("search_space", {}):
        return f"replaces {key}, which tuner.search_space tries"
    return "not a parameter of this package"


def _typed(name, value, kind):
    try:
        typed = _TYPES[kind](value)
        if isinstance(typed, float) and not math.isfinite(typed):
            raise ValueError("JSON has no word for it")
        return typed
    except ValueError:
        raise ConfigurationError(f"--param {name}: given {value!r}; allowed: a {kind}") from None


def mounted(values, fields, claims):
    """Replaces, in a step's parameters, the paths of its volumes by folders below `claims`.

    A process has no mounts of its own, as a pod has. The paths are whole parameters or
    values in a section's JSON.
    """
    for claim, mount in volumes(fields):
        folder = claims / claim
        folder.mkdir(parents=True, exist_ok=True)
        for name, value in values.items():
            values[name] = _moved(value, mount.rstrip("/"), str(folder))


def _moved(value, mount, folder):
    if isinstance(value, dict):
        return {key: _moved(inner, mount, folder) for key, inner in value.items()}
    if not isinstance(value, str):
        return value
    if value.startswith("{"):
        return text_of(_moved(json.loads(value), mount, folder))
    return folder + value[len(mount) :] if f"{value}/".startswith(f"{mount}/") else value
