"""What programs that work in a process of their own begin and end with."""

import contextlib
import gc
import os
import sys
from collections.abc import Iterator
from typing import NoReturn

LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def leave(code: int) -> NoReturn:
    """Ends the process once everything is written.

    Destructors of native libraries have crashed at the end of processes, which would turn what is
    finished into a failure.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """Python's garbage collector never looks at what is imported within it.

    TensorFlow, Beam and TFMA make almost a million objects that live as long as the process. To
    collect among them takes a quarter of the time of importing them, and seconds of a run.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def exit_at_once(code: int) -> NoReturn:
    """Exits as `sys.exit` does, without the last collection among all that was imported.

    With TensorFlow, Beam and TFMA it would take more than a second.
    """
    gc.freeze()
    sys.exit(code)
