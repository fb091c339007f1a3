"""Keys that functions declare as their keyword-only parameters."""

import inspect
from collections.abc import Callable, Iterable
from typing import Any

from pydantic import create_model

from settings.section import Section


def keyword_parameters(function: Callable) -> dict[str, tuple[Any, Any]]:
    """The annotation and the default of each keyword-only parameter, by name."""
    return {
        parameter.name: (parameter.annotation, parameter.default)
        for parameter in inspect.signature(function).parameters.values()
        if parameter.kind is parameter.KEYWORD_ONLY
    }


def section_of(name: str, functions: Iterable[Callable]) -> type[Section]:
    """A section whose keys are the keyword parameters of these functions."""
    keys = {}
    for function in functions:
        keys |= keyword_parameters(function)
    return create_model(name, __base__=Section, **keys)
