"""Processes that begin with TensorFlow, Beam and TFX imported: forked from one that did it once.

They are like `python -m …` in all but the seconds that the imports take: nothing has run in
them, and a kill ends them alone. What a start itself does is tested in tests/cli.
"""

import atexit
import contextlib
import functools
import multiprocessing
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from multiprocessing import forkserver
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(
    [
        "tensorflow",
        "apache_beam",
        "tensorflow_model_analysis",
        "tensorflow_data_validation",
        "tensorflow_transform",
        "cli.command_line",
        "pipeline.create_pipeline",
        "components.trainer.executor",
        "components.transform.executor",
        "components.evaluator.evaluation",
    ]
)


class Process:
    """A started process, with the methods of subprocess.Popen that tests use."""

    def __init__(self, process):
        self._process, self.pid = process, process.pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired(self._process.name, timeout)
        return self._process.exitcode

    def kill(self) -> None:
        self._process.kill()


def start(
    function: Callable, *arguments, log: Path, environment: Mapping[str, str] | None = None
) -> Process:
    """Starts `function(*arguments)` in the project's folder.

    Args:
      function: of a module that another process can import; its arguments can be pickled.
      log: the file that takes standard output and standard error.
      environment: replaces os.environ.
    """
    given = dict(os.environ if environment is None else environment)
    process = CONTEXT.Process(target=_begin, args=(function, arguments, str(log), given))
    _start_server()
    process.start()
    return Process(process)


def start_pipeline(*words: str, log: Path, environment: Mapping[str, str] | None = None) -> Process:
    """Starts `python -m pipeline` with words."""
    return start(_pipeline, words, log=log, environment=environment)


def wait_for(
    condition: Callable[[], object], seconds: float = 60, processes: Iterable[Process] = ()
) -> None:
    """Waits until `condition()` holds; fails when it takes too long or one of `processes` ends."""
    until = time.monotonic() + seconds
    while not condition():
        assert all(process.poll() is None for process in processes), "a process ended by itself"
        assert time.monotonic() < until, f"it took more than {seconds} s"
        time.sleep(0.01)


def free_ports(count: int) -> list[int]:
    """Different ports of 127.0.0.1 to which nothing listens."""
    with contextlib.ExitStack() as open_ones:
        sockets = [open_ones.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


@functools.cache
def _start_server():
    """Starts what all processes are forked from, without what TensorFlow says when imported."""
    path, loud = os.environ.get("PYTHONPATH"), os.dup(2)
    os.environ["PYTHONPATH"] = str(ROOT)
    try:
        with open(os.devnull, "w") as quiet:
            os.dup2(quiet.fileno(), 2)
        forkserver.ensure_running()
    finally:
        os.dup2(loud, 2)
        os.close(loud)
        del os.environ["PYTHONPATH"]
        if path is not None:
            os.environ["PYTHONPATH"] = path


def _begin(function, arguments, log, environment):
    os.environ.clear()
    os.environ.update(environment)
    tempfile.tempdir = None  # read TMPDIR anew
    os.chdir(ROOT)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    try:
        function(*arguments)
    finally:
        sys.stdout.flush()
        atexit._run_exitfuncs()  # multiprocessing ends a process without them


def _pipeline(words):
    from cli.command_line import main

    sys.exit(main(list(words)))
