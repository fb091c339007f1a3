"""Replaces keys of a section: for `--set`, for a run's parameters and for a Tuner's values."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from failures import Failure
from settings import mistakes
from settings.section import Section, put

Any_Section = TypeVar("Any_Section", bound=Section)


def replaced(
    section: Any_Section, values: Mapping[str, Any], above: mistakes.Path = ()
) -> Any_Section:
    """The section with these values in it, checked as if a file had given them.

    Args:
      values: by key; a dot separates the keys of sections within it, as in
        {"training.learning_rate": 0.01}.
      above: the path of the section itself, for messages.

    Raises:
      Failure: a key is unknown, or a value is not allowed; one line for each.
    """
    keys = _given(section)
    for key, value in values.items():
        put(keys, key, value)
    try:
        return type(section).model_validate(keys)
    except ValidationError as error:
        raise Failure("\n".join(mistakes.lines(error, type(section), above=above))) from None


def _given(value: Any) -> Any:
    """The section as plain data, without the keys that it leaves out: they mean something.

    A step of the section `kubeflow` takes them from `every_step`.
    """
    if isinstance(value, dict):
        return {key: _given(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_given(inner) for inner in value]
    if not isinstance(value, Section):
        return value
    fields = {f.alias or n: (n, getattr(value, n)) for n, f in type(value).model_fields.items()}
    return {
        key: _given(inner)
        for key, (name, inner) in fields.items()
        if name in value.model_fields_set or isinstance(inner, Section)
    }
