"""What code a component's result depends on, as a short hash.

TFX's cache key holds inputs and parameters and knows nothing of code, so after
an edit of a model the old model would be taken from the cache.
"""

import hashlib
import re
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
_IMPORT = re.compile(r"^\s*(?:from|import)\s+((?:components|datasets)(?:\.\w+)+)", re.MULTILINE)


def code_fingerprint(module):
    """A hash over the folder of `module`, what it imports of ours, and the lock.

    Args:
      module: dotted name of a component's module, "components.trainer.component".

    Returns:
      16 hexadecimal digits.
    """
    digest = hashlib.sha256()
    for file in sorted(_sources_of(module)):
        digest.update(file.relative_to(_ROOT).as_posix().encode() + b"\0" + file.read_bytes())
    digest.update((_ROOT / "requirements.txt").read_bytes())
    return digest.hexdigest()[:16]


def _sources_of(module):
    """The files of the module's folder and, followed to the end, of what they import."""
    found, waiting = set(), [_ROOT.joinpath(*module.split(".")).parent]
    while waiting:
        place = waiting.pop()
        files = place.rglob("*.py") if place.is_dir() else [place]
        for file in set(files) - found:
            found.add(file)
            waiting += [_place_of(name) for name in _IMPORT.findall(file.read_text())]
    return found


def _place_of(name):
    """The file or the folder behind a dotted name, which may end in a function's."""
    path = _ROOT.joinpath(*name.split("."))
    if path.is_dir():
        return path
    return path.with_suffix(".py") if path.with_suffix(".py").exists() else path.parent
