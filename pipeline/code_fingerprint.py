"""What code a component's result depends on, as a short hash.

TFX's cache key holds inputs and parameters and knows nothing of code, so after
an edit of a model the old model would be taken from the cache.
"""

import ast
import functools
import hashlib
import re
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
# A text for importlib: a module, or a folder of which one is chosen, as in "models.{name}".
_CHOSEN = re.compile(r"""["']([a-z_]+\.(?:[a-z_]+(?:\.[a-z_]+)*\.?)?)(?=["']|{[a-z_]+}["'])""")
# One whose folder is chosen, as in "components.tasks.{task}.training".
_IN_CHOSEN = re.compile(r"""["']([a-z_.]+\.){[a-z_]+}((?:\.[a-z_]+)+)["']""")


def code_fingerprint(module):
    """A hash over the folder of `module`, what it imports of ours, and the lock.

    Args:
      module: dotted name of a component's module, "components.trainer.component".

    Returns:
      16 hexadecimal digits.
    """
    digest = hashlib.sha256()
    for file in sorted(sources_of(module)):
        digest.update(file.relative_to(_ROOT).as_posix().encode() + b"\0" + file.read_bytes())
    digest.update((_ROOT / "requirements.txt").read_bytes())
    return digest.hexdigest()[:16]


def sources_of(module):
    """The files of the module's folder and, followed to the end, of what they import of ours."""
    found, waiting = set(), set(_ROOT.joinpath(*module.split(".")).parent.rglob("*.py"))
    while waiting:
        file = waiting.pop()
        found.add(file)
        waiting |= _imports_of(file) - found
    return found


@functools.cache
def _imports_of(file):
    """The files of ours that Python runs for the imports in a file, wherever they stand in it."""
    text = file.read_text()
    names = set(_CHOSEN.findall(text))
    for node in _statements(ast.parse(text).body):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            package = ".".join(file.relative_to(_ROOT).parts[: -node.level]) if node.level else ""
            base = ".".join(filter(None, (package, node.module)))
            # `from components import failure` may name a module, or what a module holds.
            names |= {base} | {f"{base}.{alias.name}" for alias in node.names}
    found = {found for name in names for found in _files_of(name)}
    for above, below in _IN_CHOSEN.findall(text):
        found |= set(_ROOT.glob(f"{above}*{below}".replace(".", "/") + ".py"))
    return found


def _statements(body):
    """All statements, nested ones as well; `ast.walk` would visit every expression too."""
    for node in body:
        yield node
        for part in ("body", "orelse", "finalbody", "handlers", "cases"):
            yield from _statements(getattr(node, part, ()))


def _files_of(name):
    """The modules behind a dotted name; behind one that ends in a dot all of that folder."""
    found, place = set(), _ROOT
    for part in name.split("."):
        if not part:
            return found | set(place.glob("*.py"))
        place = place / part
        here = (place / "__init__.py", place.with_suffix(".py"))
        found |= {file for file in here if file.is_file()}
    return found
