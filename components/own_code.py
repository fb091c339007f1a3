"""Runs user code, and says in one line what went wrong in it."""

import contextlib
import functools
import importlib
import inspect
import logging
import traceback
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from failures import Failure
from settings.own_code import split


def load(component: str, name: str) -> Any:
    """The function or class that `package.module:Name` stands for.

    Raises:
      Failure: its module cannot be imported, or does not hold it.
    """
    module, inner = split(name)
    with reported(component, name):
        return getattr(importlib.import_module(module), inner)


def function_of(component: str, name: str, parameters: Mapping[str, Any]) -> Callable[..., Any]:
    """The named code with its parameters, as a function of what it asks for by name.

    A class is made with its parameters, and its instance is called.

    Raises:
      Failure: it cannot be loaded; the function raises one for whatever goes wrong in it.
    """
    found = load(component, name)
    with reported(component, name):
        if inspect.isclass(found):
            found, parameters = found(**parameters), {}
        asked = inspect.signature(found).parameters

    @functools.wraps(found, updated=())
    def call(**inputs):
        with reported(component, name):
            given = {key: value for key, value in inputs.items() if key in asked}
            return found(**given, **parameters)

    return call


@contextlib.contextmanager
def reported(component: str, name: str) -> Iterator[None]:
    """Turns an exception of user code into a Failure that names its file and line.

    A full memory is not its fault: who builds the model, or trains it, says what to do.
    """
    try:
        yield
    except Failure:
        raise
    except Exception as error:
        if type(error).__name__ == "ResourceExhaustedError":
            raise
        logging.error("%s raised", name, exc_info=True)
        text = str(error).strip().splitlines()
        reason = f"{type(error).__name__}{f': {text[0][:300]}' if text else ''}".rstrip(".")
        raise Failure(
            f"{component}: {name} failed{_place_in(name, error)}: {reason}. "
            "Fix it and run the command again; docs/own_code.md says what it is given."
        ) from error


def _place_in(name: str, error: Exception) -> str:
    """The last line of the user's package that the error went through."""
    package = split(name)[0].partition(".")[0]
    places = [
        f"{frame.filename}:{frame.lineno}"
        for frame in traceback.extract_tb(error.__traceback__)
        if f"/{package}/" in frame.filename or frame.filename.endswith(f"/{package}.py")
    ]
    return f" in {places[-1]}" if places else ""
