"""Replaces keys of a section: for `--set`, for a run's parameters and for a Tuner's values."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from failures import Failure
from settings import mistakes
from settings.section import Section

Any_Section = TypeVar("Any_Section", bound=Section)


def replaced(section: Any_Section, values: Mapping[str, Any]) -> Any_Section:
    """The section with these values in it, checked as if a file had given them.

    Args:
      section: stays as it is.
      values: by key; a dot separates the keys of sections within it, as in
        {"training.learning_rate": 0.01}.

    Raises:
      Failure: a key is unknown, or a value is not allowed; one line for each.
    """
    keys = section.model_dump(by_alias=True)
    for key, value in values.items():
        put(keys, key, value)
    try:
        return type(section).model_validate(keys)
    except ValidationError as error:
        raise Failure("\n".join(mistakes.lines(error, type(section)))) from None


def put(keys: dict[str, Any], key: str, value: Any) -> None:
    """Sets the value of the dotted `key` in nested dicts, and makes those that are missing.

    Raises:
      Failure: a part of the key holds a single value.
    """
    *above, last = key.split(".")
    for i, name in enumerate(above):
        if keys.get(name) is None:
            keys[name] = {}
        keys = keys[name]
        if not isinstance(keys, dict):
            raise Failure(f"{'.'.join(above[: i + 1])} has no keys")
    keys[last] = value
