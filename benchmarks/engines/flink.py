"""A real Apache Flink behind Beam's job server, both in one Java process, from Maven's jars.

    .venv/bin/python -m benchmarks.engines.flink

fetches the jars (161 files, 152 MB) with mvn into the user's cache and prints their folder. The
tests take it from FLINK_JARS and skip where that is not set.
"""

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.maven_jars import fetched
from components.free_ports import free_ports

VERSION, BEAM_VERSION = "1.19", "2.62.0"
_JARS = f"""\
    <dependency>
      <groupId>org.apache.beam</groupId><artifactId>beam-runners-flink-{VERSION}</artifactId>
      <version>{BEAM_VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.30</version>
    </dependency>"""
# What Flink reaches into, as of Java 17.
_OPENED = (
    "java.base/java.lang",
    "java.base/java.lang.invoke",
    "java.base/java.lang.reflect",
    "java.base/java.io",
    "java.base/java.net",
    "java.base/java.nio",
    "java.base/java.text",
    "java.base/java.time",
    "java.base/java.util",
    "java.base/java.util.concurrent",
    "java.base/java.util.concurrent.atomic",
    "java.base/sun.nio.ch",
)
_FETCH_SECONDS, _START_SECONDS = 600, 120


def fetched_jars() -> Path:
    """The folder of the jars, fetched where they are missing; raises RuntimeError."""
    name = f"flink-{VERSION}-beam-{BEAM_VERSION}"
    return fetched("FLINK_JARS", name, _JARS, _FETCH_SECONDS)


@contextlib.contextmanager
def flink(jars: Path, folder: Path) -> Iterator[str]:
    """Flink and its job server; yields the job service's host:port.

    Raises:
      RuntimeError: it does not start.
    """
    ports = free_ports(3)
    (folder / "tmp").mkdir(parents=True, exist_ok=True)
    command = ["java", "-Xmx1g", "-XX:TieredStopAtLevel=1", f"-Djava.io.tmpdir={folder}/tmp"]
    command += [f"--add-opens={package}=ALL-UNNAMED" for package in _OPENED]
    command += ["-cp", f"{jars}/*", "org.apache.beam.runners.flink.FlinkJobServerDriver"]
    command += [
        "--flink-master=[local]",
        "--job-host=localhost",
        f"--artifacts-dir={folder}/staged",
    ]
    names = ("job-port", "artifact-port", "expansion-port")
    command += [f"--{name}={port}" for name, port in zip(names, ports, strict=True)]
    with serving(command, ports[0], folder / "flink.log", _START_SECONDS):
        yield f"localhost:{ports[0]}"


@contextlib.contextmanager
def serving(
    command: list[str], port: int, log: Path, seconds: float, environment: dict | None = None
) -> Iterator[subprocess.Popen]:
    """A server, from when it answers at its port; raises RuntimeError where it does not start."""
    with open(log, "wb") as output:
        server = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
    try:
        until = time.monotonic() + seconds
        while not _answers(port):
            if server.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"it does not start: {log.read_text(errors='replace')[-1500:]}")
            time.sleep(0.2)
        yield server
    finally:
        server.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(10)
        server.kill()
        server.wait()


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("localhost", port), 1).close()
    except OSError:
        return False
    return True


if __name__ == "__main__":
    try:
        print(fetched_jars())
    except (RuntimeError, OSError, subprocess.TimeoutExpired) as error:
        sys.exit(f"No Flink: {error}")
