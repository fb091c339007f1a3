"""The engines that are compared, each with the section `beam` that reaches it."""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.engines.flink import fetched_jars, flink, serving
from components.free_ports import free_ports
from settings.beam import Beam

_PROJECT = Path(__file__).resolve().parents[2]
_START_SECONDS = 90
_ALL = {"retries": 3, "job_timeout_seconds": 240.0}


class NotHere(Exception):
    """An engine cannot be had on this machine, and why."""


class Place:
    """An engine that is running: `beam` reaches it, and `workers` tells its worker processes."""

    def __init__(self, beam: Beam, workers: Callable[[], list[int]]):
        self.beam, self.workers = beam, workers


@contextlib.contextmanager
def processes(folder: Path) -> Iterator[Place]:
    beam = Beam.of(engine="processes", processes=2, **_ALL)
    yield Place(beam, lambda: _descendants(os.getpid(), "components.child_process"))


@contextlib.contextmanager
def portable(folder: Path) -> Iterator[Place]:
    """Beam's own job service in Python, and external workers."""
    [port] = free_ports(1)
    module = "apache_beam.runners.portability.local_job_service_main"
    command = [sys.executable, "-m", module, "--port", str(port)]
    log = folder / "job-service.log"
    with serving(command, port, log, _START_SECONDS, _environment()), _pool(folder) as (pool, at):
        given = {"job_service": f"localhost:{port}", "workers": "external", "worker_pool": at}
        beam = Beam.of(engine="portable", **given, **_ALL)
        yield Place(beam, lambda: _descendants(pool.pid, "SdkHarness"))


@contextlib.contextmanager
def prism(folder: Path) -> Iterator[Place]:
    binary = os.environ.get("PRISM") or shutil.which("prism")
    if binary is None:
        raise NotHere("PRISM names no program, and PATH has none: docs/scale_out.md says how to")
    with _pool(folder) as (pool, at):
        given = {"prism_binary": binary, "workers": "external", "worker_pool": at}
        beam = Beam.of(engine="prism", **given, **_ALL)
        yield Place(beam, lambda: _descendants(pool.pid, "SdkHarness"))


@contextlib.contextmanager
def on_flink(folder: Path) -> Iterator[Place]:
    try:
        jars = fetched_jars()
    except (RuntimeError, OSError, subprocess.TimeoutExpired) as error:
        raise NotHere(f"Flink's jars: {error}") from error
    with flink(jars, folder) as job_service, _pool(folder) as (pool, at):
        given = {"job_service": job_service, "workers": "external", "worker_pool": at}
        beam = Beam.of(engine="flink", parallelism=2, **given, **_ALL)
        yield Place(beam, lambda: _descendants(pool.pid, "SdkHarness"))


ENGINES = {"processes": processes, "portable": portable, "prism": prism, "flink": on_flink}


@contextlib.contextmanager
def _pool(folder: Path) -> Iterator[tuple[subprocess.Popen, str]]:
    """Beam's worker pool, as docs/scale_out.md starts it."""
    [port] = free_ports(1)
    module = "apache_beam.runners.worker.worker_pool_main"
    command = ["python", "-m", module, f"--service_port={port}"]
    with serving(command, port, folder / "pool.log", _START_SECONDS, _environment()) as pool:
        yield pool, f"localhost:{port}"


def _environment() -> dict[str, str]:
    path = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])
    return os.environ | {"PATH": path, "PYTHONPATH": str(_PROJECT)}


def _descendants(pid: int, words: str) -> list[int]:
    """The processes below one whose commands have these words."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):  # It has ended meanwhile.
            for child in map(int, task.read_text().split()):
                command = Path(f"/proc/{child}/cmdline").read_bytes().decode(errors="replace")
                found += [child] * (words in command) + _descendants(child, words)
    return found
