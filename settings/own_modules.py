"""Modules of the user's packages: found on Python's path and read as syntax trees, never run.

Running one would import TensorFlow, and checking a configuration must not take seconds.
"""

import ast
import hashlib
import importlib
import importlib.util
import os
import sys
from collections.abc import Iterable, Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path

from failures import Failure, did_you_mean
from files import python_sources

# The packages of this project. A user's package cannot have such a name, and holds none of these.
OURS = frozenset(
    {
        "augmentations", "benchmarks", "cli", "components", "datasets", "environment", "failures",
        "files", "kfp", "metrics", "models", "pipeline", "report", "settings", "tests",
    }
)  # fmt: skip
_INSTALLED = ("site-packages", "dist-packages")
_folders: list[Path] = []  # those of `look_in`


class Unreadable(ValueError):
    """What is wrong with user code, in one line."""


def look_in(folder: str | os.PathLike) -> None:
    """Finds packages in this folder from now on, in this process and in those that it starts."""
    place = Path(folder).resolve()
    if place not in _folders:
        _folders.append(place)
        importlib.invalidate_caches()
    if str(place) not in sys.path:
        # Last of all: a file `json.py` beside a configuration must not replace Python's own.
        sys.path.append(str(place))
    paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    if str(place) not in paths:
        os.environ["PYTHONPATH"] = os.pathsep.join([*filter(None, paths), str(place)])


class Module:
    """The syntax tree of a module.

    Attributes:
      name: the dotted name.
      file: its source.
      root: the folder of Python's path that it was found in.
      names: what each name of the module stands for: a function, a class, the expression of an
        assignment, or (module, name) of an import, where a name of None is the module itself.
    """

    def __init__(self, name: str):
        """Raises Unreadable: there is no such module, or it is not Python."""
        self.name = name
        self.root, self.file = _place_of(name)
        self.names: dict[str, ast.AST | tuple[str, str | None]] = {}
        for node in _top_level(_parsed(self.file).body):
            self._add(node)

    @property
    def shown(self) -> str:
        """The file, as short as a line needs it."""
        return self.file.relative_to(self.root).as_posix()

    def at(self, node: ast.AST) -> str:
        return f"{self.shown}:{node.lineno}"

    def find(self, name: str) -> tuple["Module", ast.AST]:
        """What a name stands for, and in which module, through imports of the user's packages.

        Raises:
          Unreadable: the module, or the one that it imports the name from, has no such name.
        """
        found = self.names.get(name)
        if isinstance(found, tuple) and found[1] is not None and self._is_beside(found[0]):
            return Module(found[0]).find(found[1])
        if not isinstance(found, ast.AST):
            known = [key for key, node in self.names.items() if isinstance(node, ast.stmt)]
            raise Unreadable(
                f"{self.shown} has no {name}"
                + (did_you_mean(name, known) or f"; it has {', '.join(known) or 'nothing'}")
            )
        return self, found

    def _is_beside(self, module: str) -> bool:
        """Whether the module of this name lies in the same folder of Python's path."""
        try:
            return _place_of(module)[0] == self.root
        except Unreadable:
            return False

    def _add(self, node: ast.stmt) -> None:
        match node:
            case ast.FunctionDef() | ast.ClassDef():
                self.names.setdefault(node.name, node)
            case ast.Assign(targets=[ast.Name(id=name)]):
                self.names.setdefault(name, node.value)
            case ast.AnnAssign(target=ast.Name(id=name)) if node.value is not None:
                self.names.setdefault(name, node.value)
            case ast.Import():
                for alias in node.names:
                    of = alias.name if alias.asname else alias.name.partition(".")[0]
                    self.names.setdefault(alias.asname or of, (of, None))
            case ast.ImportFrom():
                base = python_sources.imported_from(node, self.file, self.root)
                for alias in node.names:
                    self.names.setdefault(alias.asname or alias.name, (base, alias.name))


def sources(module: str) -> set[Path]:
    """The files of the module and of what it imports of the user's packages.

    Raises:
      Unreadable: the module is not found, or a file is not Python.
    """
    root, _ = _place_of(module)
    top = module.partition(".")[0]

    def counts(file: Path) -> bool:
        package = file.relative_to(root).parts[0].removesuffix(".py")
        # Beside an installed package lie all others, whose versions the lock knows.
        return package == top or (package not in OURS and not set(_INSTALLED) & set(root.parts))

    try:
        found = python_sources.sources_of(python_sources.files_of(module, root), root, counts)
    except (SyntaxError, UnicodeDecodeError) as error:
        file = getattr(error, "filename", None) or module
        raise Unreadable(_not_python(Path(file), error)) from None
    if not set(_INSTALLED) & set(root.parts):
        for file in sorted(found):
            _refuse_missing_imports(file, root)
    return found


def _refuse_missing_imports(file: Path, root: Path) -> None:
    """A module of the same package that the file imports, whatever happens, must be there."""
    shown = file.relative_to(root)
    for node in _parsed(file).body:
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [python_sources.imported_from(node, file, root)]
        for name in names:
            place = root.joinpath(*name.split("."))
            is_there = place.is_dir() or any(place.parent.glob(f"{place.name}.*"))
            if name.partition(".")[0] == shown.parts[0] and not is_there:
                raise Unreadable(
                    f"{shown.as_posix()}:{node.lineno} imports {name}, which is missing"
                )


def digest(modules: Iterable[str]) -> str:
    """16 hexadecimal digits that change with any file of `sources` of these modules.

    Raises:
      Failure: a module is not found, or a file is not Python.
    """
    content = hashlib.sha256()
    try:
        for module in sorted(set(modules)):
            root, _ = _place_of(module)
            for file in sorted(sources(module)):
                name = file.relative_to(root).as_posix().encode()
                content.update(name + b"\0" + file.read_bytes() + b"\0")
    except Unreadable as error:
        raise Failure(f"{error}.") from None
    return content.hexdigest()[:16]


def _place_of(module: str) -> tuple[Path, Path]:
    """The folder of Python's path, and the file in it; as an import would find them."""
    top, *inner = module.split(".")
    if top in OURS:
        raise Unreadable(f"{top} is a package of this project; give your own another name")
    spec = _spec_of(top)
    if spec is None:
        where = f" in {_shown(_folders[-1])}" if _folders else ""
        raise Unreadable(
            f"there is no package {top}{where}; the key `code` names the folder that holds it, and "
            "an image must hold it too (docs/own_code.md)"
        )
    root = _root_of(spec)
    _refuse_hidden(top, root)
    place = root.joinpath(top, *inner)
    for file in (place / "__init__.py", place.with_suffix(".py")):
        if file.is_file():
            return root, file
    beside = [file.stem for file in place.parent.glob("[!_]*.py")]
    raise Unreadable(
        f"there is no {'/'.join([top, *inner])}.py in {_shown(root)}"
        + did_you_mean(place.name, beside)
    )


def _spec_of(top: str) -> ModuleSpec | None:
    try:
        return importlib.util.find_spec(top)  # It runs nothing where no package stands in front.
    except ValueError:  # of what has no source, as `__main__`
        return None


def _root_of(spec: ModuleSpec) -> Path:
    # Not what a link at the package stands for: an import finds the package where the link is.
    if spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations))).parent.resolve()
    return Path(spec.origin).parent.resolve() if spec.has_location else Path(sys.prefix)


def _refuse_hidden(top: str, root: Path) -> None:
    """An import would find the package `top` elsewhere than in the last folder of `look_in`."""
    for folder in _folders[-1:]:
        there = (folder / top).is_dir() or (folder / f"{top}.py").is_file()
        if there and folder != root:
            raise Unreadable(
                f"the package {top} in {_shown(folder)} is hidden by that in {root}; give it "
                "another name"
            )


def _shown(folder: Path) -> str:
    return os.path.relpath(folder) if folder.is_relative_to(Path.cwd()) else str(folder)


def _top_level(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that define names of the module, also those of `if` and `try`."""
    for node in body:
        yield node
        if isinstance(node, ast.If | ast.Try | ast.With):
            inner = (node.body, getattr(node, "orelse", ()), getattr(node, "finalbody", ()))
            for part in inner:
                yield from _top_level(part)


def _parsed(file: Path) -> ast.Module:
    try:
        return ast.parse(file.read_text(encoding="utf-8"), str(file))
    except (SyntaxError, ValueError) as error:
        raise Unreadable(_not_python(file, error)) from None


def _not_python(file: Path, error: Exception) -> str:
    line = getattr(error, "lineno", None)
    where = f"{file.name}:{line}" if line else file.name
    return f"{where} is not Python: {getattr(error, 'msg', None) or error}"
