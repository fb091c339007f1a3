"""Runs user code, and says in one line what went wrong in it."""

import contextlib
import functools
import importlib
import inspect
import logging
import re
import traceback
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from components.full_memory import is_full_memory
from failures import Failure
from settings.own_code import split

_WITHIN_A_LAYER = re.compile(
    r"Exception encountered when calling .*?\.\n\n\x1b\[1m(.*?)\x1b\[0m\n", re.DOTALL
)
_MADE_AT = re.compile(r'File "([^"]+)", line (\d+)')


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
    except (Exception, SystemExit) as error:
        if is_full_memory(error):
            raise
        raise _failure(component, name, error) from error


@contextlib.contextmanager
def traced_to(component: str, names: Collection[str]) -> Iterator[None]:
    """As `reported`, where Keras or TensorFlow call the code: it is at fault where it was called.

    Args:
      names: `package.module:Name` of all user code that may be called in the block.
    """
    try:
        yield
    except Failure:
        raise
    except Exception as error:
        name = None if is_full_memory(error) else _at_fault(names, error)
        if name is None:
            raise
        raise _failure(component, name, error) from error


def _failure(component: str, name: str, error: BaseException) -> Failure:
    logging.error("%s raised", name, exc_info=True)
    places = _places_in(name, error)
    place = f" in {places[-1][0]}:{places[-1][1]}" if places else ""
    text = _said(error).strip().splitlines()
    reason = f"{type(error).__name__}{f': {text[0][:300]}' if text else ''}".rstrip(".")
    return Failure(
        f"{component}: {name} failed{place}: {reason}. "
        "Fix it and run the command again; docs/own_code.md says what it is given."
    )


def _at_fault(names: Collection[str], error: BaseException) -> str | None:
    """The one of these names whose code an error went through, or None."""
    found = {name: files for name in names if (files := _places_in(name, error))}
    for name, places in found.items():
        module = "/" + split(name)[0].replace(".", "/")
        if any(file.endswith((f"{module}.py", f"{module}/__init__.py")) for file, _ in places):
            return name
    return next(iter(found), None)


def _places_in(name: str, error: BaseException) -> list[tuple[str, int]]:
    """(file, line) of the user's package that an error went through, the innermost last."""
    package = split(name)[0].partition(".")[0]
    frames = traceback.extract_tb(error.__traceback__)
    places = [(frame.filename, frame.lineno) for frame in frames]
    # An operation that fails in a graph says where it was made.
    made = _MADE_AT.findall(getattr(error, "message", None) or "")
    places += [(file, int(line)) for file, line in made]
    return [
        (file, line)
        for file, line in places
        if f"/{package}/" in file or file.endswith(f"/{package}.py")
    ]


def _said(error: BaseException) -> str:
    """What an error says, without what Keras or TensorFlow say around it."""
    message = getattr(error, "message", "")
    for text in (*error.args, message):
        if isinstance(text, str) and (found := _WITHIN_A_LAYER.match(text)):
            # Keras looks for the shape of an answer first, and says so.
            return found[1].rpartition("Error encountered:\n\n")[2]
    if message and hasattr(error, "node_def"):
        from components import graph_error

        return graph_error.cause(error, "an operation failed")
    return str(error)
