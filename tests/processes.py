"""Processes that begin with TensorFlow, Beam and TFX imported: forked from one that did it once.

They are like `python -m …` in all but the seconds that the imports take: nothing has run in
them, and a kill ends them alone. What a start itself does is tested in tests/cli.
"""

import atexit
import contextlib
import fcntl
import functools
import gc
import json
import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import Connection
from pathlib import Path
from types import SimpleNamespace

from files import locks

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

    @property
    def returncode(self) -> int | None:
        return self.poll()


class Fork(Process):
    """In place of `subprocess.Popen([python, "-m", MODULE, *words], …)` in a session of its own.

    Args:
      anew: whether it imports this project's modules itself, as a process from scratch does.
    """

    def __init__(
        self, command, *, env, stdin=None, stdout=None, stderr=None, pass_fds=(), anew=False, **_
    ):
        _, option, module, *words = command
        assert option == "-m", command
        self.stdin = self.stdout = None
        with contextlib.ExitStack() as until_forked:
            ends = {}
            for number, name, given in (
                (0, "stdin", stdin),
                (1, "stdout", stdout),
                (2, "", stderr),
            ):
                if given is None:
                    continue
                if given == subprocess.PIPE:
                    read, write = os.pipe()
                    end, ours = (write, read) if number else (read, write)
                    setattr(self, name, os.fdopen(ours, "rb" if number else "wb"))
                elif given == subprocess.DEVNULL:
                    end = os.open(os.devnull, os.O_RDWR)
                else:
                    end = os.dup(given.fileno())
                ends[number] = until_forked.enter_context(Connection(end))
            for number in pass_fds:
                ends[number] = until_forked.enter_context(Connection(os.dup(number)))
            super().__init__(_started(_begin_module, module, words, ends, dict(env), anew))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for stream in filter(None, (self.stdin, self.stdout)):
            stream.close()
        self.wait()


def forking(anew: Callable[[int], bool]) -> SimpleNamespace:
    """In place of the module `subprocess` where that starts `python -m …` for several processes.

    Args:
      anew: whether the process of a number, counted from 0, imports this project's modules itself.

    Returns:
      What has `started` as well: the processes in order.
    """
    started = []

    def begin(*given, **more):
        started.append(Fork(*given, anew=anew(len(started)), **more))
        return started[-1]

    named = {name: getattr(subprocess, name) for name in ("PIPE", "DEVNULL")}
    return SimpleNamespace(Popen=begin, started=started, **named)


def is_ours(file: Path) -> bool:
    """Whether a file is of the project: not of the libraries below it, and not of its tests."""
    others = (ROOT / ".venv", ROOT / "tests")
    return file.is_relative_to(ROOT) and not any(map(file.is_relative_to, others))


def forget_the_project() -> None:
    """Makes the next import of a module of this project run it, wherever it then lies."""
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
    return Process(_started(_begin, function, arguments, str(log), given))


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


def _started(target, *arguments):
    process = CONTEXT.Process(target=target, args=arguments)
    find_server()
    process.start()
    return process


@functools.cache
def find_server():
    """Starts what all processes are forked from, once for all workers of pytest-xdist.

    To be called before a step runs in this process: the temporary folder is the step's meanwhile,
    and the server's address would go with it.
    """
    server = forkserver._forkserver
    if "PYTEST_XDIST_WORKER" not in os.environ or server._forkserver_address:
        _start_server()
        return
    folder = Path(os.environ["PYTEST_DEBUG_TEMPROOT"])
    with locks.hold(folder / "fork-server.lock", named=False):
        known = folder / "fork-server.json"
        with contextlib.suppress(FileNotFoundError):  # of the first worker, which may have ended
            pid, alive = json.loads(known.read_text())
            # The server ends once nobody holds its pipe.
            server._forkserver_alive_fd = os.open(f"/proc/{pid}/fd/{alive}", os.O_WRONLY)
            server._forkserver_address = str(folder / "fork-server")
            server.ensure_running = resource_tracker.ensure_running
            return
        _start_server()
        # It outlives the worker's own temporary folder.
        os.rename(server._forkserver_address, folder / "fork-server")
        server._forkserver_address = str(folder / "fork-server")
        known.write_text(json.dumps([os.getpid(), server._forkserver_alive_fd]))


def _start_server():
    """Starts the server without what TensorFlow says when imported."""
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


def _enter(environment):
    gc.freeze()  # What the imports made is for no collection to look through.
    os.fsync = lambda descriptor: None  # as tests/conftest.py does
    os.environ.clear()
    os.environ.update(environment)
    tempfile.tempdir = None  # read TMPDIR anew
    os.chdir(ROOT)


def _begin(function, arguments, log, environment):
    _enter(environment)
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


def _begin_module(module, words, ends, environment, anew):
    _enter(environment)
    os.setsid()
    if anew:
        forget_the_project()
    # Above all numbers that they are to have.
    above = {
        number: fcntl.fcntl(end.fileno(), fcntl.F_DUPFD, max(ends) + 1)
        for number, end in ends.items()
    }
    for end in ends.values():
        end.close()
    for number, end in above.items():
        os.dup2(end, number)
        os.close(end)
    sys.argv[1:] = words
    sys.path[:0] = filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    finally:
        atexit._run_exitfuncs()
