"""The configuration as a cluster needs it, and which of its keys a run can replace."""

import dataclasses
import json

from failures import ConfigurationError, Failure, did_you_mean
from files.buckets.addresses import is_bucket
from files.strict_json import text_of

# The exec property that holds a section, as JSON. With a Tuner, two components have `training`.
_PROPERTY_OF = {"data": "source", "training": "training"}
_SEPARATOR = "__"
# The steps that read or write pushed models.
_SEE_MODELS = ("ChampionResolver", "Pusher")


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
    def path(self):
        """The key in the configuration, as in training.epochs."""
        sections = {name: section for section, name in _PROPERTY_OF.items()}
        return f"{sections.get(self.property, self.property)}.{self.key}"

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
            properties[section] = text_of(content, sort_keys=True)


def on_a_cluster(configuration):
    """The configuration with the places of a pod instead of those of this machine.

    Raises:
      ConfigurationError: what the configuration names cannot work in a pod.
    """
    kubeflow = configuration.kubeflow
    if not configuration.beam.is_local:
        raise ConfigurationError(
            f"beam.engine: given {configuration.beam.engine!r}, whose workers cannot reach the "
            "files of a step, which lie in its own pod; allowed on Kubeflow: direct, processes"
        )
    if configuration.training.input.data_service and not kubeflow.data_service_workers:
        raise ConfigurationError(
            "training.input.data_service: its workers cannot reach the files of a step, which lie "
            "in its own pod; allowed on Kubeflow: none, or kubeflow.data_service_workers, which "
            "makes them there"
        )
    destination = _destination(configuration)
    # The configuration travels with the package, and these are files of the user who submits it.
    kubeflow = kubeflow.model_copy(update={"token_file": None, "ca_file": None})
    kubeflow = _with_cached_data(kubeflow, configuration.data.source_keys)
    if not is_bucket(destination):
        steps = {name: _with_models(kubeflow, name) for name in _SEE_MODELS}
        _check_seen(destination, steps)
        kubeflow = kubeflow.model_copy(update={"steps": kubeflow.steps | steps})
    return configuration.model_copy(
        update={
            "root": kubeflow.work_dir,
            "data": _data_of_a_pod(configuration),
            "training": _without_a_service(configuration.training),
            "ingest": None,  # It writes to a folder of this machine.
            "push": configuration.push.model_copy(update={"destination": destination}),
            "kubeflow": kubeflow,
        }
    )


def _destination(configuration):
    kubeflow = configuration.kubeflow
    if kubeflow.push_destination is not None:
        return kubeflow.push_destination
    if is_bucket(configuration.push.destination):
        return configuration.push.destination
    return f"{kubeflow.models.mount_path.rstrip('/')}/{configuration.name}"


def _check_seen(destination, steps):
    """In a pod's own files, a model is lost, and no champion is ever found."""
    places = {name: step.place_on_volume(destination) for name, step in steps.items()}
    without = [name for name, place in places.items() if place is None]
    if not without and len(set(places.values())) == 1:
        return
    wrong = f"on no volume of {' and '.join(without)}" if without else "another folder for each"
    lists = " and ".join(f"kubeflow.steps.{name}.volumes" for name in steps)
    raise ConfigurationError(
        f"kubeflow.push_destination: models would go to {destination!r}, which is {wrong}; "
        f"allowed: a path on one volume that {lists} mount at the same place, or an s3:// or gs:// "
        "address"
    )


def _without_a_service(training):
    """A service of this machine is none of a pod's, which has its own."""
    if not training.input.data_service:
        return training
    given = training.input.model_copy(update={"data_service": None})
    return training.model_copy(update={"input": given})


def _data_of_a_pod(configuration):
    data, kubeflow = configuration.data, configuration.kubeflow
    if data.PLACE is None:
        return data
    given = getattr(data, data.PLACE)
    place = kubeflow.data_dir
    if place is None and given is not None and is_bucket(given):
        place = given
    if place is None:
        if type(data).model_fields[data.PLACE].is_required():
            raise ConfigurationError(
                f"kubeflow.data_dir: missing; data.{data.PLACE} is a folder of this machine; "
                "allowed: the path of a volume, which "
                f"kubeflow.steps.{data.COMPONENT}.volumes mounts"
            )
        place = f"{kubeflow.work_dir}/tensorflow_datasets"
    places = {data.PLACE: place}
    if is_bucket(place) and "cache_dir" in type(data).model_fields:
        places["cache_dir"] = f"{kubeflow.work_dir}/buckets"
    try:
        # Not at the top: a step may import only what its code's fingerprint covers.
        from settings.replace import replaced

        return replaced(data, places)
    except Failure:
        spans = f", with spans as in {given}" if getattr(data, "has_spans", False) else ""
        raise ConfigurationError(
            f"kubeflow.data_dir: given {place!r}; allowed with data.source {data.source}: the path "
            f"of a mounted volume, or an s3:// or gs:// address{spans}"
        ) from None


def _with_cached_data(kubeflow, source):
    """Where the configuration names a version, that stands for the content."""
    step = kubeflow.step(source.COMPONENT)
    if not source.is_fixed or step.cache is not None:
        return kubeflow
    steps = kubeflow.steps | {source.COMPONENT: step.model_copy(update={"cache": True})}
    return kubeflow.model_copy(update={"steps": steps})


def _with_models(kubeflow, name):
    step = kubeflow.step(name)
    if kubeflow.models is None:
        return step
    taken = {volume.mount_path.rstrip("/") for volume in step.volumes}
    if kubeflow.models.mount_path.rstrip("/") in taken:
        return step
    return step.model_copy(update={"volumes": [*step.volumes, kubeflow.models]})


def run_parameters(configuration):
    """The RunParameters that the `kubeflow.parameters` of a checked configuration name."""
    # Not at the top: a step may import only what its code's fingerprint covers.
    from settings.run_parameters import replaceable

    allowed = replaceable(configuration)
    return [
        RunParameter(name, allowed[key], _PROPERTY_OF[key.partition(".")[0]], key.partition(".")[2])
        for name, key in sorted(configuration.kubeflow.parameters.items())
        if key in allowed  # Another source may lack a key of the default.
    ]


def check_steps(kubeflow, components):
    """Raises ConfigurationError where `kubeflow.steps` names no component of the pipeline."""
    for name in sorted(set(kubeflow.steps) - set(components)):
        raise ConfigurationError(
            f"kubeflow.steps.{name}: not a component; allowed: {', '.join(components)}"
            + did_you_mean(name, components)
        )
