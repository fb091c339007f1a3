"""A run's own values: names of `kubeflow.parameters`, each for one key of the configuration."""

import difflib
from collections.abc import Mapping

from failures import ConfigurationError, Failure
from settings.replace import replaced


def with_run_parameters(configuration, values: Mapping[str, str | int | float]):
    """The configuration of a run that is given these values, checked as a file is.

    Args:
      configuration: a settings.configuration.Configuration.
      values: by the names of its `kubeflow.parameters`.

    Raises:
      ConfigurationError: a name is unknown, or a value is not allowed.
    """
    keys = configuration.kubeflow.parameters
    for name in values:
        if name not in keys:
            near = difflib.get_close_matches(name, keys, n=1)
            meant = f"; did you mean {near[0]}?" if near else ""
            raise ConfigurationError(
                f"{name}: not in kubeflow.parameters; allowed: {', '.join(sorted(keys))}{meant}"
            )
    try:
        return replaced(configuration, {keys[name]: value for name, value in values.items()})
    except Failure as failure:
        raise ConfigurationError(*str(failure).splitlines()) from None
