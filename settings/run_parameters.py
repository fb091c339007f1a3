"""`kubeflow.parameters`: the names by which a run is given other values of some keys."""

from collections.abc import Iterator, Mapping

from failures import ConfigurationError, Failure, did_you_mean
from settings import cross_checks
from settings.replace import replaced
from settings.training import Training

Value = str | int | float
_OF_EVERY_PACKAGE = "trigger"  # kfp/run_facts.py adds it


def replaceable(configuration) -> dict[str, Value]:
    """{key: value} of what a step of a finished package can be given again."""
    single = {
        f"training.{name}": value
        for name, value in configuration.training.part(Training)
        # A recipe gives defaults, and in a package every key is given.
        if isinstance(value, Value) and not isinstance(value, bool) and name != "recipe"
    }
    data = configuration.data
    source = getattr(data, data.RUN_KEY)
    of_data = {} if source is None else {f"data.{data.RUN_KEY}": source}
    searched = _searched(configuration)
    return of_data | {key: single[key] for key in sorted(single) if key not in searched}


def mistakes_in(configuration) -> Iterator[tuple[tuple[str, ...], str]]:
    """(path of a key, what is wrong with it) of the names that the file gives, or gives values."""
    yield from _in_names(configuration)
    if configuration.schedule:
        yield from _in_values(configuration, configuration.schedule.parameters)


def _in_names(configuration):
    kubeflow, names = configuration.kubeflow, {}
    if kubeflow.parameters == type(kubeflow).model_fields["parameters"].default:
        return  # Another source than TFDS lacks a key of it.
    allowed = replaceable(configuration)
    for name, key in sorted(kubeflow.parameters.items()):
        path = ("kubeflow", "parameters", name)
        if name == _OF_EVERY_PACKAGE:
            yield path, "the name of a parameter that every package has; allowed: any other name"
        elif key not in allowed:
            known = f"a key with a single value, one of {', '.join(allowed)}"
            yield path, f"given {key!r}{_because(key, configuration)}; allowed: {known}"
        elif key in names:
            twice = f"{names[key]} and {name} both replace {key}"
            yield path[:-1], f"{twice}; allowed: one name for a key"
        names[key] = name


def _in_values(configuration, values):
    path, refused = ("schedule", "parameters"), False
    for name in sorted(values):
        if refusal := _refusal(name, configuration):
            refused = True
            yield (*path, name), refusal
    for line in () if refused else _refused(configuration, values):
        # A value may be wrong by itself, or only beside the others.
        wrong = [n for n in values if line in _refused(configuration, {n: values[n]})]
        yield (*path, *wrong[:1]), f"no run takes it: {line}"


def _refused(configuration, values):
    """The lines in which a run with these values is refused."""
    try:
        with_run_parameters(configuration, values)
    except ConfigurationError as error:
        return str(error).splitlines()
    return []


def with_run_parameters(configuration, values: Mapping[str, Value]):
    """The configuration of a run that is given these values, checked as a file is.

    The values are by the names of its `kubeflow.parameters`. What the configuration has wrong
    without them is no mistake of theirs: a package may be older than a check.

    Raises:
      ConfigurationError: a name is unknown, or a value is not allowed.
    """
    keys = configuration.kubeflow.parameters
    for name in values:
        if refusal := _refusal(name, configuration):
            raise ConfigurationError(f"{name}: {refusal}")
    given = {keys[name]: value for name, value in values.items()}
    try:
        of_run = replaced(configuration, given)
    except Failure as failure:
        raise ConfigurationError(*str(failure).splitlines()) from None
    before = set(cross_checks.mistakes_in(configuration))
    for path, mistake in cross_checks.mistakes_in(of_run, given):
        if (path, mistake) not in before:
            raise ConfigurationError(f"{'.'.join(path)}: {mistake}")
    return of_run


def _refusal(name, configuration):
    """What is wrong with a value by this name, whatever it is; "" where nothing is."""
    keys, data = configuration.kubeflow.parameters, configuration.data
    if name not in keys:
        allowed = f"allowed: {', '.join(sorted(keys)) or 'none'}{did_you_mean(name, keys)}"
        return f"not in kubeflow.parameters; {allowed}"
    section, _, key = keys[name].partition(".")
    if because := _because(keys[name], configuration):
        return f"replaces {keys[name]}{because}; allowed: a key that is not searched"
    if section == "data" and key != data.RUN_KEY:
        allowed = f"allowed: a name that kubeflow.parameters gives to data.{data.RUN_KEY}"
        return f"replaces {keys[name]}, which data.source {data.source} lacks; {allowed}"
    return ""


def _searched(configuration):
    return configuration.tuner.search_space if configuration.tuner else {}


def _because(key, configuration):
    """Words for a key whose value the Tuner chooses, whatever a run is given; else ""."""
    return ", which tuner.search_space tries" if key in _searched(configuration) else ""
