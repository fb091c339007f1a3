"""What code a component's result depends on, as a short hash.

TFX's cache key holds inputs and parameters and knows nothing of code, so after
an edit of a model the old model would be taken from the cache.
"""

import hashlib
from pathlib import Path

from files import python_sources

CODE = "--code="  # before the fingerprint, in a component's arguments
_ROOT = Path(__file__).resolve().parent.parent


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
    folder = _ROOT.joinpath(*module.split(".")).parent
    return python_sources.sources_of(folder.rglob("*.py"), _ROOT)
