"""The files that Python runs for the imports in a file, found without running anything."""

import ast
import functools
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

# A text for importlib: a module, or a folder of which one is chosen, as in "models.{name}".
_CHOSEN = re.compile(r"""["']([a-z_]+\.(?:[a-z_]+(?:\.[a-z_]+)*\.?)?)(?=["']|{[a-z_]+}["'])""")
# One whose folder is chosen, as in "components.tasks.{task}.training".
_IN_CHOSEN = re.compile(r"""["']([a-z_.]+\.){[a-z_]+}((?:\.[a-z_]+)+)["']""")


def sources_of(
    files: Iterable[Path], root: Path, counts: Callable[[Path], bool] = lambda file: True
) -> set[Path]:
    """The files and, followed to the end, what they import from below `root`.

    Args:
      root: a folder of Python's path.
      counts: whether an imported file belongs to the result, and its own imports with it.

    Raises:
      SyntaxError, UnicodeDecodeError: a file is not Python.
    """
    found, waiting = set(), set(files)
    while waiting:
        file = waiting.pop()
        found.add(file)
        waiting |= set(filter(counts, _imports_of(file, root))) - found
    return found


def statements(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """All statements, nested ones as well; `ast.walk` would visit every expression too."""
    for node in body:
        yield node
        for part in ("body", "orelse", "finalbody", "handlers", "cases"):
            yield from statements(getattr(node, part, ()))


def files_of(name: str, root: Path) -> set[Path]:
    """The modules behind a dotted name; behind one that ends in a dot all of that folder."""
    found, place = set(), root
    for part in name.split("."):
        if not part:
            return found | set(place.glob("*.py"))
        place = place / part
        here = (place / "__init__.py", place.with_suffix(".py"))
        found |= {file for file in here if file.is_file()}
    return found


def imported_from(node: ast.ImportFrom, file: Path, root: Path) -> str:
    """The whole name of the module that a `from` names, relative ones as well."""
    package = ".".join(file.relative_to(root).parts[: -node.level]) if node.level else ""
    return ".".join(filter(None, (package, node.module)))


@functools.cache
def _imports_of(file: Path, root: Path) -> set[Path]:
    """The files below the root for the imports in a file, wherever they stand in it."""
    text = file.read_text(encoding="utf-8")
    names = set(_CHOSEN.findall(text))
    for node in statements(ast.parse(text, str(file)).body):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = imported_from(node, file, root)
            # `from components import failure` may name a module, or what a module holds.
            names |= {base} | {f"{base}.{alias.name}" for alias in node.names}
    found = {found for name in names for found in files_of(name, root)}
    for above, below in _IN_CHOSEN.findall(text):
        for file in root.glob(f"{above}*{below}".replace(".", "/") + ".py"):
            package = file.with_name("__init__.py")
            found |= {file, package} if package.is_file() else {file}
    return found
