"""The types of configuration keys in words, for a message about a mistake and for the reference."""

import dataclasses
import types
import typing
from collections.abc import Sequence
from typing import Annotated, Any

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen
from pydantic import AfterValidator
from pydantic.fields import FieldInfo

from settings.section import Form, OneOf, Section

_PLAIN = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    Any: "anything",
}

_BOUNDS = (Ge, Gt, Le, Lt, MinLen, MaxLen)


def fields(section) -> dict[str, FieldInfo]:
    """The fields of a section by the keys that a file gives; of anything else, none."""
    return {f.alias or name: f for name, f in getattr(section, "model_fields", {}).items()}


def plain(annotation, marks=()) -> tuple[Any, tuple]:
    """A type without Annotated and without its None, and all that bounds it."""
    while True:
        if typing.get_origin(annotation) is Annotated:
            annotation, *more = typing.get_args(annotation)
            inner = [m for mark in more for m in getattr(mark, "metadata", [mark])]
            marks = (*marks, *inner)
        elif typing.get_origin(annotation) in (typing.Union, types.UnionType):
            others = [one for one in typing.get_args(annotation) if one is not types.NoneType]
            if len(others) > 1:
                return annotation, marks
            [annotation] = others
        else:
            return annotation, marks


def type_at(root, path) -> tuple[Any, tuple] | None:
    """Type and bounds of the key at `path` below the section `root`; None where there is none."""
    annotation, marks = root, ()
    for key in path:
        annotation, _ = plain(annotation)
        inner = typing.get_args(annotation)
        if typing.get_origin(annotation) is dict:
            annotation, marks = plain(inner[1])
        elif typing.get_origin(annotation) in (list, Sequence):
            annotation, marks = plain(inner[0])
        elif key in fields(annotation):
            field = fields(annotation)[key]
            annotation, marks = plain(field.annotation, tuple(field.metadata))
        else:
            return None
    return annotation, marks


def path_at(root, names: Sequence[str], value: Any) -> list[str] | None:
    """The path of a key that is given a value, below the section `root`; None if there is none.

    Args:
      names: what stands between the dots of the whole key. A key of a mapping may hold dots
        itself, as in tuner.search_space.training.learning_rate.max.
    """
    annotation, _ = plain(root)
    if not names:
        return [] if isinstance(value, dict) or not fields(annotation) else None
    if annotation is Any:
        return list(names)
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    ends, below = [], None
    if origin is dict:
        ends, below = range(1, len(names) + 1), inner[1]
    elif origin in (list, Sequence) and names[0].isdecimal():
        ends, below = [1], inner[0]
    elif names[0] in fields(annotation):
        ends, below = [1], fields(annotation)[names[0]].annotation
    for end in ends:
        rest = path_at(below, names[end:], value)
        if rest is not None:
            return [".".join(names[:end]), *rest]
    return None


def in_words(annotation, marks=()) -> str:
    """What a key may be, as in "a whole number, 1 to 100"."""
    annotation, marks = plain(annotation, tuple(marks))
    for mark in marks:
        if isinstance(mark, AfterValidator) and isinstance(mark.func, OneOf | Form):
            return mark.func.words
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Literal:
        return ", ".join(map(str, inner[:-1])) + f" or {inner[-1]}"
    if origin in (list, Sequence):
        return "a list of " + in_words(inner[0]) + _at_least_one(marks)
    if origin is dict:
        key = in_words(inner[0])
        keys = "keys and values" if key == "text" else f"keys ({key}) and values"
        return f"{keys}{_at_least_one(marks)}, each value: {in_words(inner[1])}"
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return f"a section with the keys {', '.join(fields(annotation))}"
    if origin is not None:
        return " or ".join(_PLAIN[one] for one in inner if one is not types.NoneType)
    return _PLAIN[annotation] + _bounds(marks)


def _at_least_one(marks):
    return ", at least 1" if any(isinstance(mark, MinLen) for mark in marks) else ""


def _bounds(marks):
    bounds = [mark for mark in marks if isinstance(mark, _BOUNDS)]
    said = {type(mark): f"{dataclasses.astuple(mark)[0]:,}" for mark in bounds}
    if MaxLen in said:
        return f" of {said.get(MinLen, '0')} to {said[MaxLen]} characters"
    if MinLen in said:
        return ", not empty"
    if Ge in said and Le in said:
        return f", {said[Ge]} to {said[Le]}"
    words = {Ge: "{} or more", Gt: "above {}", Le: "at most {}", Lt: "below {}"}
    return "".join(f", {words[kind].format(said[kind])}" for kind in words if kind in said)
