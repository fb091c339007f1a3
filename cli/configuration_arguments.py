"""The arguments --config and --set, which most verbs take."""

from failures import ConfigurationError
from files.places import is_remote
from settings.reading import load


def add_configuration(verb):
    """Gives a parser --config, which it then requires, and --set."""
    verb.add_argument("--config", required=True, metavar="FILE", help="a file of configs/")
    _add_set(verb)


def add_place(verb, flag, description):
    """Gives a parser --config and --set, or `flag` with a place instead."""
    place = verb.add_mutually_exclusive_group(required=True)
    place.add_argument("--config", metavar="FILE", help="a file of configs/")
    place.add_argument(flag, dest="place", metavar="DIR", help=description)
    _add_set(verb)


def configuration_of(arguments, *overrides):
    """The checked configuration that a command names. Raises: ConfigurationError.

    Args:
      overrides: texts as of --set, which win over those.
    """
    return load(arguments.config, [*arguments.set, *overrides])


def configuration_or_none(arguments):
    """The configuration of a command that may name a place instead."""
    if arguments.config is not None:
        return configuration_of(arguments)
    if arguments.set:
        raise ConfigurationError("--set replaces a value in a file; give --config as well")
    return None


def place_of(arguments, configuration):
    """The place that a command names, or the push destination of its `configuration_or_none`."""
    return configuration.push.destination if configuration else arguments.place


def check_local(flag, place):
    """Raises ConfigurationError where `flag` names an address for what is written to a disk."""
    if place is not None and is_remote(place):
        raise ConfigurationError(f"{flag} {place}; allowed: a path of this machine")


def _add_set(verb):
    verb.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="replace one value of the file, as in --set training.epochs=5",
    )
