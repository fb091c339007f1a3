"""A step in a process that begins with the libraries imported, and nothing of this project."""

import functools
import os
import runpy
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]


def is_ours(file: Path) -> bool:
    """Whether a file is of the project: not of the libraries below it, and not of its tests."""
    others = (PROJECT / ".venv", PROJECT / "tests")
    return file.is_relative_to(PROJECT) and not any(map(file.is_relative_to, others))


def run_step(words: list[str], notes: str) -> None:
    """Does what `python -m kfp.entrypoint WORDS` does.

    Args:
      notes: the file in which the step lists, at its end, the modules that it has imported.
    """
    _forget_the_project()
    os._exit = functools.partial(_note_and_exit, notes, os._exit)
    sys.argv[1:] = words
    runpy.run_module("kfp.entrypoint", run_name="__main__", alter_sys=True)


def _forget_the_project():
    # All of them before the first goes: a package without a file looks for the one above it.
    places = {name: _place(module) for name, module in sys.modules.items()}
    for name in [name for name, place in places.items() if place and is_ours(Path(place))]:
        del sys.modules[name]
        above, _, last = name.rpartition(".")
        if above in sys.modules:  # The SDK's kfp has modules of ours.
            vars(sys.modules[above]).pop(last, None)


def _place(module) -> str | None:
    """A module's file, or a package's folder where it has no file."""
    known = getattr(module, "__dict__", {})  # Asking a lazy module itself would import it.
    return known.get("__file__") or next(iter(known.get("__path__") or ()), None)


def _note_and_exit(notes, leave, code):
    files = {getattr(module, "__dict__", {}).get("__file__") for module in sys.modules.values()}
    Path(notes).write_text("\n".join(sorted(filter(None, files))))
    leave(code)
