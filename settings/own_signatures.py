"""The parameters of a function or class of one's own: its type hints, as a section's keys.

They are read from the syntax tree. Of a hint, only what a configuration can give has a meaning:
numbers, texts, lists and mappings of them, `Literal`, `Annotated` with pydantic's `Field`.
"""

import ast
import collections.abc
import contextlib
import dataclasses
import typing
import warnings
from collections.abc import Mapping, Sequence, Set
from typing import Annotated, Any, Literal

import annotated_types
import pydantic
from pydantic import create_model

from settings.own_modules import Module, Unreadable
from settings.section import Section

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
_NEEDED = object()  # what stands for the default of a parameter that has none


@dataclasses.dataclass(frozen=True)
class Declared:
    """What a name of one's own code stands for.

    Attributes:
      where: file and line.
      parameters: a section whose keys are its parameters.
      left_out: the parameters that no configuration can give, and so keep their defaults.
    """

    where: str
    parameters: type[Section]
    left_out: frozenset[str]


@dataclasses.dataclass(frozen=True)
class _Parameter:
    name: str
    hint: ast.expr | None
    default: Any  # an expression, or `_NEEDED`
    module: Module
    node: ast.AST


def declared(module: str, name: str, inputs: Set[str], needed: Set[str]) -> Declared:
    """What `name` of a module declares.

    Args:
      inputs: the names that are given by the caller, and are no parameters.
      needed: those of `inputs` that a function must take.

    Raises:
      Unreadable: there is no such function or class, or a parameter has no usable type hint.
    """
    place, node = Module(module).find(name)
    if isinstance(node, ast.FunctionDef):
        found = _of_arguments(node.args, place)
    elif isinstance(node, ast.ClassDef):
        found = _of_class(node, place)
    else:
        raise Unreadable(f"{place.at(node)}: {name} is neither a function nor a class")
    names = {parameter.name for parameter in found}
    is_class = isinstance(node, ast.ClassDef)
    if not is_class and needed - names:
        raise Unreadable(
            f"{place.at(node)}: {name} does not take {' and '.join(sorted(needed - names))}; "
            f"allowed: a function of {' and '.join(sorted(needed))}, or a class"
        )
    read = {p.name: _key_of(p, name) for p in found if p.name not in inputs}
    keys = {key: pair for key, pair in read.items() if pair}
    return Declared(
        where=place.at(node),
        parameters=_section(name, keys, place, node),
        left_out=frozenset(read.keys() - keys.keys()),
    )


def _section(name: str, keys: Mapping[str, tuple], place: Module, node: ast.AST) -> type[Section]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # A key may be called as an attribute of a section.
            return create_model(name, __base__=Section, **keys)
    except Exception as error:  # pydantic raises many kinds, as for `ge` on a text.
        reason = str(error).strip().splitlines()[0]
        raise Unreadable(f"{place.at(node)}: the type hints of {name}: {reason}") from None


def _of_arguments(given: ast.arguments, module: Module) -> list[_Parameter]:
    """The parameters of a function, without *args and **kwargs."""
    plain = [*given.posonlyargs, *given.args]
    missing = [_NEEDED] * (len(plain) - len(given.defaults))
    named = [_NEEDED if default is None else default for default in given.kw_defaults]
    pairs = [
        *zip(plain, [*missing, *given.defaults], strict=True),
        *zip(given.kwonlyargs, named, strict=True),
    ]
    return [_Parameter(one.arg, one.annotation, default, module, one) for one, default in pairs]


def _of_class(node: ast.ClassDef, module: Module) -> list[_Parameter]:
    """The parameters with which an instance is made: of __init__, or the fields of a dataclass."""
    for part in node.body:
        if isinstance(part, ast.FunctionDef) and part.name == "__init__":
            return _of_arguments(part.args, module)[1:]
    found = [parameter for base in node.bases for parameter in _of_base(base, module)]
    if not _has_fields(node, module):
        return found
    own = [
        _Parameter(
            part.target.id,
            part.annotation,
            _NEEDED if part.value is None else part.value,
            module,
            part,
        )
        for part in node.body
        if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name)
        if "ClassVar" not in ast.unparse(part.annotation)
    ]
    return list({parameter.name: parameter for parameter in [*found, *own]}.values())


def _of_base(base: ast.expr, module: Module) -> list[_Parameter]:
    if not isinstance(base, ast.Name):
        return []
    try:
        place, node = module.find(base.id)
    except Unreadable:
        return []  # of a library, whose __init__ is nobody's own
    return _of_class(node, place) if isinstance(node, ast.ClassDef) else []


def _has_fields(node: ast.ClassDef, module: Module) -> bool:
    """Whether annotated attributes are what an instance is made of."""
    words = {ast.unparse(one).partition("(")[0] for one in (*node.decorator_list, *node.bases)}
    if {word.rpartition(".")[2] for word in words} & {"dataclass", "BaseModel"}:
        return True
    bases = [base.id for base in node.bases if isinstance(base, ast.Name)]
    found = (module.names.get(base) for base in bases)
    return any(isinstance(base, ast.ClassDef) and _has_fields(base, module) for base in found)


def _key_of(parameter: _Parameter, of: str) -> tuple[Any, Any] | None:
    """The type and default of a section's key; None for what no configuration can give."""
    module, hint = parameter.module, parameter.hint
    usable = None
    if hint is not None and not parameter.name.startswith("_"):
        with contextlib.suppress(_Unclear):
            usable = _usable(_evaluated(_unquoted(hint), module))
    if usable is not None:
        return usable, _default_of(parameter)
    if parameter.default is not _NEEDED:
        return None
    has = "no type hint" if hint is None else f"the type hint {ast.unparse(hint)}"
    raise Unreadable(
        f"{module.at(parameter.node)}: parameter {parameter.name} of {of} has {has} and no "
        f"default; allowed: {ALLOWED}"
    )


def _unquoted(hint: ast.expr) -> ast.expr:
    """The hint that a text holds, as one writes it for names that are defined further down."""
    if isinstance(hint, ast.Constant) and isinstance(hint.value, str):
        with contextlib.suppress(SyntaxError):
            return ast.parse(hint.value, mode="eval").body
    return hint


def _default_of(parameter: _Parameter) -> Any:
    if parameter.default is _NEEDED:
        return ...
    try:
        return _evaluated(parameter.default, parameter.module)
    except _Unclear:
        return None  # Nobody reads it: a key that is not given is not passed on.


class _Unclear(Exception):
    """An expression that means nothing to a configuration."""


def _evaluated(node: ast.expr, module: Module) -> Any:
    """The value of an expression of literals, type hints and names for them."""
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name):
            return _named(name, module)
        case ast.Attribute(value=inner, attr=name):
            return _attribute(_evaluated(inner, module), name)
        case ast.Subscript(value=generic, slice=inside):
            of = _evaluated(inside, module)
            return _applied(lambda kind: kind[of], _evaluated(generic, module))
        case ast.Tuple(elts=parts):
            return tuple(_evaluated(part, module) for part in parts)
        case ast.List(elts=parts):
            return [_evaluated(part, module) for part in parts]
        case ast.Dict(keys=keys, values=values) if None not in keys:
            pairs = zip(keys, values, strict=True)
            return {_evaluated(k, module): _evaluated(v, module) for k, v in pairs}
        case ast.UnaryOp(op=ast.USub(), operand=number):
            return _applied(lambda value: -value, _evaluated(number, module))
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            either = _evaluated(left, module), _evaluated(right, module)
            return _applied(lambda types: typing.Union[types], either)  # noqa: UP007
        case ast.Call(func=called, args=args, keywords=named) if all(k.arg for k in named):
            return _applied(
                lambda function: function(
                    *(_evaluated(one, module) for one in args),
                    **{one.arg: _evaluated(one.value, module) for one in named},
                ),
                _evaluated(called, module),
            )
    raise _Unclear


def _named(name: str, module: Module) -> Any:
    if name not in module.names:
        if name in _BUILT_IN:
            return _BUILT_IN[name]
        raise _Unclear
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
        raise _Unclear from None
    if isinstance(node, ast.stmt):
        raise _Unclear  # a function or a class
    return _evaluated(node, place)


def _attribute(value: Any, name: str) -> Any:
    if value not in _OPEN.values() or not hasattr(value, name):
        raise _Unclear
    return getattr(value, name)


def _applied(function, value: Any) -> Any:
    try:
        return function(value)
    except _Unclear:
        raise
    except Exception:  # A wrong hint raises what it likes.
        raise _Unclear from None


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
    raise _Unclear


def _either(inner: tuple) -> Any:
    others = [one for one in inner if one not in (None, type(None))]
    if len(others) == 1:
        return typing.Optional[_usable(others[0])]  # noqa: UP045
    if all(one in _PLAIN for one in others):
        return typing.Union[inner]  # noqa: UP007
    raise _Unclear
