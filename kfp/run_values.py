"""The values of a run: its parameters, and the folders that stand in for volumes."""

import difflib
import math

from failures import ConfigurationError

_TYPES = {"STRING": str, "NUMBER_INTEGER": int, "NUMBER_DOUBLE": float}


def run_values(spec, given):
    """The value of each parameter of a package: as given, or its default.

    Args:
      spec: the pipeline spec.
      given: texts `name=value`.

    Raises:
      ConfigurationError: there is no such parameter, or it is of another type.
    """
    known = spec["root"].get("inputDefinitions", {}).get("parameters", {})
    values = {name: parameter.get("defaultValue") for name, parameter in known.items()}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise ConfigurationError(f"--param {text}: allowed: name=value")
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            meant = f"; did you mean {near[0]}?" if near else ""
            raise ConfigurationError(
                f"--param {name}: not a parameter of this package; allowed: "
                f"{', '.join(sorted(known)) or 'none'}{meant}"
            )
        values[name] = _typed(name, value, known[name]["parameterType"])
    return values


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

    A process has no mounts of its own as a pod has.
    """
    for volume in fields.get("pvcMount", []):
        mount = volume["mountPath"].rstrip("/")
        folder = claims / volume["pvcNameParameter"]["runtimeValue"]["constant"]
        folder.mkdir(parents=True, exist_ok=True)
        for name, value in values.items():
            if isinstance(value, str) and (value + "/").startswith(mount + "/"):
                values[name] = str(folder) + value[len(mount) :]
