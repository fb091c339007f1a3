"""Why a process that serves a model has ended: the model may be the cause, or the machine."""

import signal
import subprocess
from typing import BinaryIO

from components.child_environment import last_words
from components.serving_check.serving_process import ServingError
from failures import SurroundingsFailure


class Killed(SurroundingsFailure):
    """The process was killed, as for lack of memory."""


def cause(process: subprocess.Popen, complaints: BinaryIO) -> ServingError | Killed:
    """What to raise for a process that is ending; `complaints` holds what it wrote to stderr."""
    words = last_words(process, complaints)
    if process.returncode != -signal.SIGKILL:
        return ServingError(words)
    # No model sends this signal to itself.
    return Killed(
        "ServingCheck: the process that served the model was killed (signal 9), as Linux does when "
        "memory is full. Free memory, then run again."
    )
