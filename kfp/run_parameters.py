"""The configuration as a cluster needs it, and which of its keys a run can replace."""

import dataclasses
import json

from failures import ConfigurationError, did_you_mean
from kfp.run_facts import TRIGGER

# The exec property that holds a section, as JSON. With a Tuner, two components have `training`.
_PROPERTY_OF = {"data": "source", "training": "training"}
_SEPARATOR = "__"
# The steps that read or write pushed models.
_SEE_MODELS = ("ChampionResolver", "Pusher")
INGEST = "TfdsExampleGen"


@dataclasses.dataclass(frozen=True)
class RunParameter:
    """A value that a run can be given.

    Attributes:
      name: as in --param name=value.
      default: a str, int or float.
      property: the exec property whose JSON holds the value, of each component that has it.
      key: the key within that JSON.
    """

    name: str
    default: str | int | float
    property: str
    key: str

    @property
    def input(self):
        """The name of the step's input that carries the value."""
        return f"{self.property}{_SEPARATOR}{self.key}"


def replace_keys(properties):
    """Puts the values of run parameters into the exec properties that hold their sections."""
    for name in sorted(properties):
        section, separator, key = name.partition(_SEPARATOR)
        if separator and section in properties:
            # Not at the top: a step may import only what its code's fingerprint covers.
            from settings.section import put

            content = json.loads(properties[section])
            put(content, key, properties.pop(name))
            properties[section] = json.dumps(content, sort_keys=True)


def on_a_cluster(configuration):
    """The configuration with the places of a pod instead of those of this machine."""
    kubeflow = configuration.kubeflow
    destination = kubeflow.push_destination
    if destination is None:
        destination = f"{kubeflow.models.mount_path.rstrip('/')}/{configuration.name}"
    # The configuration travels with the package, and these are files of whoever submits it.
    kubeflow = kubeflow.model_copy(update={"token_file": None, "ca_file": None})
    kubeflow = _with_cached_data(kubeflow, configuration.data.dataset)
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


def names_its_content(dataset):
    """Whether a TFDS name has a version, which never changes; 1.*.* is the newest of several."""
    return ":" in dataset and "*" not in dataset


def _with_cached_data(kubeflow, dataset):
    step = kubeflow.step(INGEST)
    if not names_its_content(dataset) or step.cache is not None:
        return kubeflow
    steps = kubeflow.steps | {INGEST: step.model_copy(update={"cache": True})}
    return kubeflow.model_copy(update={"steps": steps})


def _with_models(kubeflow, name):
    step = kubeflow.step(name)
    taken = {volume.mount_path.rstrip("/") for volume in step.volumes}
    if kubeflow.models.mount_path.rstrip("/") in taken:
        return step
    return step.model_copy(update={"volumes": [*step.volumes, kubeflow.models]})


def run_parameters(configuration):
    """The RunParameters that the `kubeflow.parameters` of a configuration name.

    Raises:
      ConfigurationError: a key that a run cannot replace, or that has another name already, or
        the name of the package's own parameter.
    """
    allowed, names = _replaceable(configuration), {}
    for name, key in sorted(configuration.kubeflow.parameters.items()):
        if name == TRIGGER:
            raise ConfigurationError(
                f"kubeflow.parameters.{name}: the name of a parameter that every package has; "
                "allowed: any other name"
            )
        if key not in allowed:
            raise ConfigurationError(
                f"kubeflow.parameters.{name}: given {key!r}; allowed: a key with a single value, "
                f"one of {', '.join(allowed)}"
            )
        if key in names:
            raise ConfigurationError(
                f"kubeflow.parameters: {names[key]} and {name} both replace {key}; allowed: one "
                "name for a key"
            )
        names[key] = name
    return [
        RunParameter(name, allowed[key], _PROPERTY_OF[key.partition(".")[0]], key.partition(".")[2])
        for key, name in names.items()
    ]


def _replaceable(configuration):
    """{key: value} of what a step of a finished package can take anew."""
    single = {
        f"training.{name}": value
        for name, value in configuration.training
        if isinstance(value, (str, int, float)) and not isinstance(value, bool)
    }
    return {"data.dataset": configuration.data.dataset} | dict(sorted(single.items()))


def check_steps(kubeflow, components):
    """Raises ConfigurationError where `kubeflow.steps` names no component of the pipeline."""
    for name in sorted(set(kubeflow.steps) - set(components)):
        raise ConfigurationError(
            f"kubeflow.steps.{name}: not a component; allowed: {', '.join(components)}"
            + did_you_mean(name, components)
        )
