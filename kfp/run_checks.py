"""Checks the values of a run against the configuration that its package was compiled from."""

import os

from pydantic import ValidationError

from failures import ConfigurationError, Failure
from kfp.run_origin import recorded_in
from settings import mistakes
from settings.configuration import Configuration
from settings.data import Data
from settings.replace import replaced
from settings.run_parameters import with_run_parameters
from settings.training_mistakes import mistakes_in
from settings.workers import WorkersTraining

_SECTIONS = {"data": Data, "training": WorkersTraining}  # those that a run can replace keys of


def check_values(spec, values, say):
    """Checks the values of a run as those in a file are checked.

    Where this machine cannot read the whole configuration, as without the user's packages, each
    section is checked by itself, and a line says so.

    Args:
      values: {name of a parameter: value}.

    Raises:
      ConfigurationError: a value is not allowed.
    """
    recorded = recorded_in(spec)
    if recorded is None:
        return
    # Path.is_dir raises where this user may not look, as in the home of whoever compiled.
    if not os.path.isdir(recorded.get("code") or "."):
        recorded["code"] = None  # It was on the machine that compiled; the packages may be here.
    try:
        # Without values too: it finds the packages for the steps that `run-package` starts.
        configuration = Configuration.model_validate(recorded)
    except ValidationError as error:
        configuration, cause = None, next(mistakes.lines(error, Configuration))
    if not values:
        return
    if configuration is None:
        pair = _by_section(recorded, values, cause, say).get("data")
    else:
        pair = configuration.data, with_run_parameters(configuration, values).data
    if pair:
        _check_cached(spec, *pair)


def _by_section(recorded, values, cause, say):
    """{name: (a section that can be read, the same with the run's values)}."""
    keys = recorded.get("kubeflow", {}).get("parameters", {})
    given = {keys[name]: value for name, value in values.items() if name in keys}
    pairs = {}
    for name, kind in _SECTIONS.items():
        try:
            section = kind.model_validate(recorded.get(name))
        except ValidationError:
            continue
        ours = {k.removeprefix(f"{name}."): v for k, v in given.items() if k.startswith(f"{name}.")}
        try:
            pairs[name] = section, replaced(section, ours, above=(name,))
        except Failure as failure:
            raise ConfigurationError(*str(failure).splitlines()) from None
    if len(pairs) == len(_SECTIONS):
        before = set(mistakes_in(pairs["training"][0], pairs["data"][0]))
        for key, mistake in mistakes_in(pairs["training"][1], pairs["data"][1]):
            # A package may be older than a check: the run cannot mend what it was compiled from.
            if (key, mistake) not in before:
                raise ConfigurationError(f"training.{key}: {mistake}")
    how = f"checked against {' and '.join(pairs)} alone" if pairs else "not checked"
    say(f"The values of the run were {how}; the package's configuration is not readable: {cause}")
    return pairs


def _check_cached(spec, before, data):
    """Refuses data that can change where the cache takes its name for the content."""
    if data.source_keys.is_fixed or not before.source_keys.is_fixed:
        return
    if spec["root"]["dag"]["tasks"].get(data.COMPONENT, {}).get("cachingOptions"):
        raise ConfigurationError(
            f"data.{data.RUN_KEY}: given {getattr(data, data.RUN_KEY)!r}; allowed: a dataset with "
            "a version, as in digits:1.0.0, because Kubeflow's cache takes the name for the "
            "content in this package"
        )
