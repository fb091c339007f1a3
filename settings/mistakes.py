"""Mistakes in a section, each as one line: the key, what was given, what is allowed."""

import datetime
import re
import types
import typing
from collections.abc import Callable, Iterator
from typing import Any

from pydantic import BaseModel, ValidationError

from failures import did_you_mean
from settings.types_in_words import fields, in_words, type_at

Path = tuple[str | int, ...]


class InnerMistakes(ValueError):
    """A validator raises it when `kind`, the section that decides about a value, refuses it."""

    def __init__(self, kind: type[BaseModel], error: ValidationError):
        super().__init__(", ".join(lines(error, kind)))
        self.kind = kind
        self.error = error


def lines(
    error: ValidationError,
    root: type[BaseModel],
    place: Callable[[Path], str] = lambda path: "",
    above: Path = (),
) -> Iterator[str]:
    """One line for each mistake.

    Args:
      error: from validating `root`.
      root: the section.
      place: the beginning of a line about the key at a path, as in "digits.yaml:12: ".
      above: the path of the section itself.
    """
    for mistake in error.errors():
        path = _path_of(mistake, root)
        reason = mistake.get("ctx", {}).get("error")
        if isinstance(reason, InnerMistakes):
            yield from lines(reason.error, reason.kind, place, (*above, *path))
        else:
            whole = (*above, *path)
            key = ".".join(map(str, whole)) or root.__name__
            yield f"{place(whole)}{key}: {_about(mistake, path, root)}"


def _about(mistake, path, root) -> str:
    if _is_about_a_key(mistake):
        return (
            f"given the key {shortened(mistake['input'])}; allowed: text, in quotes where YAML "
            'takes it for something else, as in "no"'
        )
    if mistake["type"] == "extra_forbidden":
        return f"unknown key{_suggestion(path, root)}"
    if mistake["type"] == "missing":
        return f"missing; {_meaning(path, root)}"
    return f"given {shortened(mistake['input'])}; {_allowed(mistake, path, root)}"


def _is_about_a_key(mistake) -> bool:
    """Whether a key is not text; pydantic names False and 0 alike, so the name says little."""
    of_mapping = mistake["type"] == "string_type" and mistake["loc"][-1] == "[key]"
    return of_mapping or mistake["type"] == "invalid_key"


def _path_of(mistake, root) -> Path:
    """The keys, without pydantic's own marks."""
    path = tuple(key for key in mistake["loc"] if key != "[key]")
    if _is_about_a_key(mistake):
        return path[:-1]
    # Where a key takes one of several types, pydantic adds the type behind the key.
    section = _section_at(path[:-1], root) if path else root
    one_of_several = typing.get_origin(section) in (typing.Union, types.UnionType)
    return path[:-1] if one_of_several else path


def _suggestion(path, root) -> str:
    """What a misspelt or misplaced key was probably meant to be."""
    known = list(fields(_section_at(path[:-1], root)))
    if meant := did_you_mean(str(path[-1]), known):
        return meant
    elsewhere = [
        f"{name}.{path[-1]}"
        for name, field in root.model_fields.items()
        if path[-1] in getattr(field.annotation, "model_fields", {})
    ]
    if elsewhere:
        return f"; did you mean {' or '.join(elsewhere)}?"
    return f"; allowed: {', '.join(known) or 'no keys'}"


def _section_at(path, root) -> Any:
    found = type_at(root, path)
    return found and found[0]


def _meaning(path, root) -> str:
    needed = [n for n, field in fields(_section_at(path, root)).items() if field.is_required()]
    if needed:
        return f"a section with {', '.join(needed)}"
    field = fields(_section_at(path[:-1], root)).get(path[-1])
    return (field and field.description) or "it has no default"


def _allowed(mistake, path, root) -> str:
    if mistake["type"] == "value_error":
        return str(mistake["ctx"]["error"])
    if mistake["type"] == "literal_error":
        return f"allowed: {mistake['ctx']['expected']}"
    found = type_at(root, path)
    if found:
        return f"allowed: {in_words(*found)}"
    return f"allowed: {mistake['msg'].removeprefix('Input should be ').removeprefix('a valid ')}"


def shortened(value: Any) -> str:
    """The value as a file gives it, in at most 60 characters and without passwords."""
    # What stands before the @ of a URL is a secret, and the line ends up in logs.
    text = re.sub(r"(?<=://)[^/\s]*@", "…@", _written(value))
    return text if len(text) <= 60 else text[:59] + "…"


def _written(value: Any) -> str:
    match value:
        case None | bool():
            return {None: "null", True: "true", False: "false"}[value]
        case list():
            return f"[{', '.join(map(_written, value))}]"
        case dict():
            items = (f"{_written(key)}: {_written(inner)}" for key, inner in value.items())
            return f"{{{', '.join(items)}}}"
        case datetime.date():
            return value.isoformat()
        case _:
            return repr(value)
