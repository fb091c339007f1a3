"""The parameters of a function or class of user code: its type hints, as a section's keys.

They are read from the syntax tree, in which `own_hints` finds the types.
"""

import ast
import contextlib
import dataclasses
import functools
import warnings
from collections.abc import Callable, Mapping, Set
from typing import Any

from pydantic import create_model

from settings.own_hints import ALLOWED, Unclear, evaluated, type_of
from settings.own_modules import Module, Unreadable
from settings.section import Section

_NEEDED = object()  # what stands for the default of a parameter that has none


@dataclasses.dataclass(frozen=True)
class Declared:
    """What a name of user code stands for.

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


def declared(
    module: str, name: str, inputs: Set[str], needed: Set[str], of_instances: Set[str]
) -> Declared:
    """What `name` of a module declares.

    Args:
      inputs: the names that are given by the caller, and are not parameters.
      needed: those of `inputs` that a function must take.
      of_instances: those that `__call__` of a class must take.

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
    if isinstance(node, ast.FunctionDef):
        missing = needed - {parameter.name for parameter in found}
    else:
        call = _method("__call__", node, place)
        taken = {parameter.name for parameter in call} if call else of_instances
        missing = of_instances - taken
        if not call and not node.bases:
            raise Unreadable(
                f"{place.at(node)}: {name} has no __call__; allowed: a function, or a class with it"
            )
    if missing:
        raise Unreadable(
            f"{place.at(node)}: {name} does not take {' and '.join(sorted(missing))}; "
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
    if made := _own_method("__init__", node, module):
        return made[1:]
    found = [parameter for base in node.bases for parameter in _of_base(base, module, _of_class)]
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


def _own_method(name: str, node: ast.ClassDef, module: Module) -> list[_Parameter]:
    """The parameters of a method of the class itself, `self` first; [] where it has none."""
    for part in node.body:
        if isinstance(part, ast.FunctionDef) and part.name == name:
            return _of_arguments(part.args, module)
    return []


def _method(name: str, node: ast.ClassDef, module: Module) -> list[_Parameter]:
    """As `_own_method`, also of the class's bases in user code."""
    found = _own_method(name, node, module)
    for base in node.bases if not found else ():
        found = found or _of_base(base, module, functools.partial(_method, name))
    return found


def _of_base(base: ast.expr, module: Module, read: Callable) -> list[_Parameter]:
    if not isinstance(base, ast.Name):
        return []
    try:
        place, node = module.find(base.id)
    except Unreadable:
        return []  # of a library, whose __init__ is not user code
    return read(node, place) if isinstance(node, ast.ClassDef) else []


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
    if hint is not None and not parameter.name.startswith("_"):
        with contextlib.suppress(Unclear):
            return type_of(hint, module), _default_of(parameter)
    if parameter.default is not _NEEDED:
        return None
    has = "no type hint" if hint is None else f"the type hint {ast.unparse(hint)}"
    raise Unreadable(
        f"{module.at(parameter.node)}: parameter {parameter.name} of {of} has {has} and no "
        f"default; allowed: {ALLOWED}"
    )


def _default_of(parameter: _Parameter) -> Any:
    if parameter.default is _NEEDED:
        return ...
    try:
        return evaluated(parameter.default, parameter.module)
    except Unclear:
        return None  # Nobody reads it: a key that is not given is not passed on.
