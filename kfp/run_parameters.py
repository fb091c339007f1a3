"""The configuration as a cluster needs it, and what of it a run may be given anew."""

import dataclasses
import difflib

from failures import ConfigurationError

# Where the values of a section end up: a component and its exec property. A section's
# values lie in one property as JSON, under their own keys. What Trainer is told, Tuner's
# trials are told.
_WHOLE = {"data.dataset": ("TfdsExampleGen", "source")}
_SECTIONS = {"training": ("Trainer", "training")}
_TOLD_LIKE_TRAINER = "Tuner"
# The steps that read or write pushed models.
_SEE_MODELS = ("ChampionResolver", "Pusher")


@dataclasses.dataclass(frozen=True)
class RunParameter:
    """What a run may be given, and where it goes.

    Attributes:
      name: as in --param name=value.
      default: a str, int or float.
      component: the id of the component that takes it.
      property: the component's exec property.
      key: the key within the property's JSON; None: it is the whole property.
    """

    name: str
    default: str | int | float
    component: str
    property: str
    key: str | None = None


def on_a_cluster(configuration):
    """The configuration with the places of a pod instead of those of this machine."""
    kubeflow = configuration.kubeflow
    destination = kubeflow.push_destination
    if destination is None:
        destination = f"{kubeflow.models.mount_path.rstrip('/')}/{configuration.name}"
    # The configuration travels with the package, and these are files of who submits it.
    kubeflow = kubeflow.model_copy(update={"token_file": None, "ca_file": None})
    data_dir = kubeflow.data_dir or f"{kubeflow.work_dir}/tensorflow_datasets"
    if kubeflow.models is not None:
        steps = {name: _with_models(kubeflow, name) for name in _SEE_MODELS}
        kubeflow = kubeflow.model_copy(update={"steps": kubeflow.steps | steps})
    return configuration.model_copy(
        update={
            "root": kubeflow.work_dir,
            "data": configuration.data.model_copy(update={"data_dir": data_dir}),
            "push": configuration.push.model_copy(update={"destination": destination}),
            "kubeflow": kubeflow,
        }
    )


def _with_models(kubeflow, name):
    step = kubeflow.step(name)
    taken = {volume.mount_path.rstrip("/") for volume in step.volumes}
    if kubeflow.models.mount_path.rstrip("/") in taken:
        return step
    return step.model_copy(update={"volumes": [*step.volumes, kubeflow.models]})


def run_parameters(configuration):
    """The RunParameters that the `kubeflow.parameters` of a configuration name.

    One name may stand for several: with a Tuner, a value of `training` goes to it, too.

    Raises:
      ConfigurationError: a key that there is not, that holds no single value, that no
        step of a finished package can take, or that has another name already.
    """
    _check_once(configuration.kubeflow.parameters)
    named = [
        _run_parameter(configuration, name, key)
        for name, key in sorted(configuration.kubeflow.parameters.items())
    ]
    if configuration.tuner is None:
        return named
    tuners = [
        dataclasses.replace(parameter, component=_TOLD_LIKE_TRAINER)
        for parameter in named
        if (parameter.component, parameter.property) in _SECTIONS.values()
    ]
    return named + tuners


def _check_once(parameters):
    """Of two names for one key the second would win, and the first would do nothing."""
    names = {}
    for name, key in sorted(parameters.items()):
        if key in names:
            raise ConfigurationError(
                f"kubeflow.parameters: {names[key]} and {name} both replace {key}; allowed: one "
                "name for a key"
            )
        names[key] = name


def _run_parameter(configuration, name, key):
    section, _, field = key.partition(".")
    value = configuration
    for part in key.split("."):
        value = getattr(value, part, None)
    if key in _WHOLE:
        component, property_, inner = *_WHOLE[key], field
    elif section in _SECTIONS:
        component, property_, inner = *_SECTIONS[section], field
    else:
        value = None
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise ConfigurationError(
            f"kubeflow.parameters.{name}: given {key!r}; allowed: a key with a single value, "
            f"one of {', '.join(_allowed(configuration))}"
        )
    return RunParameter(name, value, component, property_, inner)


def _allowed(configuration):
    keys = sorted(_WHOLE)
    for section in sorted(_SECTIONS):
        for name, value in getattr(configuration, section):
            if isinstance(value, (str, int, float)) and not isinstance(value, bool):
                keys.append(f"{section}.{name}")
    return keys


def check_steps(kubeflow, components):
    """Raises ConfigurationError where `kubeflow.steps` names no component of the pipeline."""
    for name in sorted(set(kubeflow.steps) - set(components)):
        near = difflib.get_close_matches(name, components, n=1)
        meant = f"; did you mean {near[0]}?" if near else ""
        raise ConfigurationError(
            f"kubeflow.steps.{name}: no component; allowed: {', '.join(components)}{meant}"
        )
