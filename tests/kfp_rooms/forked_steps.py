"""A step in a process that begins with the libraries imported, and nothing of this project."""

import functools
import os
import runpy
import sys
from pathlib import Path

from tests.processes import forget_the_project


def run_step(words: list[str], notes: str) -> None:
    """Does what `python -m kfp.entrypoint WORDS` does.

    Args:
      notes: the file in which the step lists, at its end, the modules that it has imported.
    """
    forget_the_project()
    os._exit = functools.partial(_note_and_exit, notes, os._exit)
    sys.argv[1:] = words
    runpy.run_module("kfp.entrypoint", run_name="__main__", alter_sys=True)


def _note_and_exit(notes, leave, code):
    files = {getattr(module, "__dict__", {}).get("__file__") for module in sys.modules.values()}
    Path(notes).write_text("\n".join(sorted(filter(None, files))))
    leave(code)
