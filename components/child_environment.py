"""What the programs that a component starts get, and what they leave when they end."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import BinaryIO

_PROJECT = Path(__file__).resolve().parent.parent


def child_environment() -> dict[str, str]:
    """This process's variables without the folder that OpenCV's import adds.

    TensorFlow imports Keras, and Keras imports OpenCV wherever it is installed. OpenCV then puts
    a folder of its own before LD_LIBRARY_PATH, and with it, where that was not set, an empty
    entry, which means the current folder: a program must not look for its libraries there.
    """
    environment = dict(os.environ)
    opencv = sys.modules.get("cv2")
    if opencv is not None and "LD_LIBRARY_PATH" in environment:
        added = os.path.join(os.path.dirname(os.path.realpath(opencv.__file__)), "../../lib64:")
        rest = environment.pop("LD_LIBRARY_PATH").removeprefix(added)
        if rest:
            environment["LD_LIBRARY_PATH"] = rest
    return environment


def project_on_path(environment: dict[str, str]) -> dict[str, str]:
    """The variables with which `python -m` finds this project's modules from any folder."""
    found = (str(_PROJECT), environment.get("PYTHONPATH"))
    return environment | {"PYTHONPATH": os.pathsep.join(filter(None, found))}


def end_with_the_parent() -> None:
    """Ends this process with the one that started it, even with one that was killed.

    Its standard input must be a pipe into which the parent writes nothing.
    """

    def watch():
        os.read(0, 1)  # Returns when the parent dies, since that closes the pipe.
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


def last_words(process: subprocess.Popen, complaints: BinaryIO) -> str:
    """How a program that is ending ended: its exit code, and the last line of its errors."""
    process.wait()
    complaints.seek(0)
    lines = complaints.read().decode(errors="replace").strip().splitlines() or [""]
    return f"exit code {process.returncode}: {lines[-1][:300]}"
