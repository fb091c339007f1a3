"""What a user can cause and mend, in words for that user; every other exception is a defect.

Modules raise these. `cli.command_line` alone turns them into a message and an exit code.
"""

import difflib
from collections.abc import Iterable


class Failure(Exception):
    """Stops a component or a command: the cause, then the next step, in one line.

    Whoever reports it shows `str(failure)` and never a traceback.
    """

    exit_code = 1


class EngineFailure(Failure):
    """The engine of the section `beam` failed, not the work: the same may succeed there later."""


class SurroundingsFailure(Failure):
    """A file, a disk or a service failed, not the work: the same may succeed once it is mended."""


class ConfigurationError(Exception):
    """The mistakes in a configuration or a command, one line each; nothing has run yet."""

    exit_code = 2

    def __init__(self, *mistakes):
        super().__init__("\n".join(mistakes))


class UnreadableFile(ConfigurationError):
    """A file that a configuration needs is not there, or not yet, as before its disk is mounted."""


def did_you_mean(given: str, known: Iterable[str]) -> str:
    """ "; did you mean …?" for the known name that a misspelt one is near to, or ""."""
    near = difflib.get_close_matches(given, list(known), n=1)
    return f"; did you mean {near[0]}?" if near else ""


def in_one_line(error: Exception) -> str:
    """What a user can mend in its own words; any other exception by its type and first line."""
    if isinstance(error, Failure | ConfigurationError):
        return str(error)
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0] if text else 'no message'}"


def component_failed(name: str, error: Exception) -> str:
    """The line that says which component failed and why, with its name once."""
    return f"{name} failed: {in_one_line(error).removeprefix(f'{name}: ')}"
