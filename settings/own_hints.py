"""Type hints of user code, from the syntax tree: what a configuration can give has a meaning.

That is numbers, texts, lists and mappings of them, `Literal`, and `Annotated` with pydantic's
`Field`; and names that a module gives these.
"""

import ast
import collections.abc
import contextlib
import typing
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import annotated_types
import pydantic

from settings.own_modules import Module, Unreadable

ALLOWED = (
    "int, float, str, bool, Literal, list[…], tuple[…, …], dict[str, …], Annotated[…, Field(…)], "
    "and each of these | None"
)
_BUILT_IN = {kind.__name__: kind for kind in (int, float, str, bool, list, tuple, dict)}
# Modules whose names mean what they mean in Python.
_OPEN = {
    "typing": typing,
    "collections.abc": collections.abc,
    "pydantic": pydantic,
    "annotated_types": annotated_types,
}
_PLAIN = (int, float, str, bool)


class Unclear(Exception):
    """An expression that means nothing to a configuration."""


def type_of(hint: ast.expr, module: Module) -> Any:
    """The type that a hint means, as a key of a section has it.

    Raises:
      Unclear: no configuration can give such a value.
    """
    # In quotes stand names that are defined further down.
    if isinstance(hint, ast.Constant) and isinstance(hint.value, str):
        with contextlib.suppress(SyntaxError):
            hint = ast.parse(hint.value, mode="eval").body
    return _usable(evaluated(hint, module))


def evaluated(node: ast.expr, module: Module) -> Any:
    """The value of an expression of literals, type hints and names for them.

    Raises:
      Unclear: only Python could compute it.
    """
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name):
            return _named(name, module)
        case ast.Attribute(value=inner, attr=name):
            return _attribute(evaluated(inner, module), name)
        case ast.Subscript(value=generic, slice=inside):
            of = evaluated(inside, module)
            return _applied(lambda kind: kind[of], evaluated(generic, module))
        case ast.Tuple(elts=parts):
            return tuple(evaluated(part, module) for part in parts)
        case ast.List(elts=parts):
            return [evaluated(part, module) for part in parts]
        case ast.Dict(keys=keys, values=values) if None not in keys:
            pairs = zip(keys, values, strict=True)
            return {evaluated(k, module): evaluated(v, module) for k, v in pairs}
        case ast.UnaryOp(op=ast.USub(), operand=number):
            return _applied(lambda value: -value, evaluated(number, module))
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            either = evaluated(left, module), evaluated(right, module)
            return _applied(lambda types: typing.Union[types], either)  # noqa: UP007
        case ast.Call(func=called, args=args, keywords=named) if all(k.arg for k in named):
            return _applied(
                lambda function: function(
                    *(evaluated(one, module) for one in args),
                    **{one.arg: evaluated(one.value, module) for one in named},
                ),
                evaluated(called, module),
            )
    raise Unclear


def _named(name: str, module: Module) -> Any:
    if name not in module.names:
        if name in _BUILT_IN:
            return _BUILT_IN[name]
        raise Unclear
    found = module.names[name]
    if isinstance(found, tuple):
        base, attribute = found
        if base in _OPEN:
            return _OPEN[base] if attribute is None else _attribute(_OPEN[base], attribute)
        if attribute is not None and f"{base}.{attribute}" in _OPEN:
            return _OPEN[f"{base}.{attribute}"]
    try:
        place, node = module.find(name)
    except Unreadable:
        raise Unclear from None
    if isinstance(node, ast.stmt):
        raise Unclear  # a function or a class
    return evaluated(node, place)


def _attribute(value: Any, name: str) -> Any:
    if value not in _OPEN.values() or not hasattr(value, name):
        raise Unclear
    return getattr(value, name)


def _applied(function, value: Any) -> Any:
    try:
        return function(value)
    except Unclear:
        raise
    except Exception:  # A wrong hint raises what it likes.
        raise Unclear from None


def _usable(hint: Any) -> Any:
    """The hint as a section's key has it: a configuration has lists, and no tuples."""
    if hint in _PLAIN:
        return hint
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        return Annotated[(_usable(inner[0]), *inner[1:])]
    if origin is Literal and all(type(value) in (int, str, bool) for value in inner):
        return hint
    if origin in (list, collections.abc.Sequence) and len(inner) == 1:
        return Sequence[_usable(inner[0])]
    if origin is tuple and inner:
        of = {one for one in inner if one is not Ellipsis}
        if len(of) == 1:
            return Sequence[_usable(of.pop())]
    if origin in (dict, collections.abc.Mapping) and inner and inner[0] is str:
        return dict[str, _usable(inner[1])]
    if origin is typing.Union:
        return _either(inner)
    raise Unclear


def _either(inner: tuple) -> Any:
    others = [one for one in inner if one not in (None, type(None))]
    if len(others) == 1:
        return typing.Optional[_usable(others[0])]  # noqa: UP045
    if all(one in _PLAIN for one in others):
        return typing.Union[inner]  # noqa: UP007
    raise Unclear
