"""A real Apache Kafka broker on loopback, one node of KRaft, from Maven's jars.

    .venv/bin/python -m benchmarks.kafka_broker

fetches the jars (45 files, 43 MB) with mvn into the user's cache and prints their folder. The
tests take it from KAFKA_JARS and skip where that is not set.
"""

import contextlib
import socket
import subprocess
import sys
import time
import uuid
from base64 import urlsafe_b64encode
from pathlib import Path

from benchmarks.maven_jars import fetched
from components.free_ports import free_ports

VERSION = "4.1.0"
_JARS = f"""\
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId>
      <version>{VERSION}</version>
    </dependency>"""
_FETCH_SECONDS = 300
_START_SECONDS = 90
USER, PASSWORD = "reader", "a-password-that-no-log-may-have"


def fetched_jars() -> Path:
    """The folder of the jars, fetched where they are missing; raises RuntimeError."""
    return fetched("KAFKA_JARS", f"kafka-{VERSION}", _JARS, _FETCH_SECONDS)


class Broker:
    """A broker with two listeners: `address` for all, `sasl_address` for who knows the password."""

    def __init__(self, jars: Path, folder: Path, **settings: str):
        self._jars, self._folder, self._process = jars, folder, None
        self._ports = free_ports(3)
        self.address, self.sasl_address, controller = (f"127.0.0.1:{p}" for p in self._ports)
        listeners = f"PLAINTEXT://{self.address},SASL_PLAINTEXT://{self.sasl_address}"
        login = "org.apache.kafka.common.security.plain.PlainLoginModule required"
        values = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@{controller}",
            "controller.listener.names": "CONTROLLER",
            "listeners": f"{listeners},CONTROLLER://{controller}",
            "advertised.listeners": listeners,
            "listener.security.protocol.map": ",".join(
                f"{name}:{name.replace('CONTROLLER', 'PLAINTEXT')}"
                for name in ("PLAINTEXT", "SASL_PLAINTEXT", "CONTROLLER")
            ),
            "sasl.enabled.mechanisms": "PLAIN",
            "listener.name.sasl_plaintext.plain.sasl.jaas.config": (
                f'{login} user_{USER}="{PASSWORD}";'
            ),
            "offsets.topic.replication.factor": "1",
            "offsets.topic.num.partitions": "1",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.num.partitions": "1",
            "transaction.state.log.min.isr": "1",
            "log.dirs": f"{folder}/data",
            "log.retention.check.interval.ms": "1000",
        }
        lines = [f"{key}={value}" for key, value in (values | settings).items()]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "server.properties").write_text("\n".join(lines) + "\n")
        cluster = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if self._java("kafka.tools.StorageTool", "format", "-t", cluster, "-c").wait():
            raise RuntimeError(f"no broker: {self.log()[-2000:]}")

    def __enter__(self) -> "Broker":
        self.start()
        return self

    def __exit__(self, *_) -> None:
        self.stop()

    def start(self) -> None:
        """Starts it and waits until it answers."""
        self._process = self._java("kafka.Kafka")
        until = time.monotonic() + _START_SECONDS
        while True:
            with (
                contextlib.suppress(OSError),
                socket.create_connection(("127.0.0.1", self._ports[0]), 1),
            ):
                return
            if self._process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"no broker: {self.log()[-2000:]}")
            time.sleep(0.1)

    def stop(self, kill: bool = False) -> None:
        (self._process.kill if kill else self._process.terminate)()
        self._process.wait()

    def log(self) -> str:
        return (self._folder / "log").read_text(errors="replace")

    def _connected(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self._ports[0]), 1)

    def _java(self, main: str, *words: str) -> subprocess.Popen:
        command = ["java", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        command += ["-cp", f"{self._jars}/*", main, *words, str(self._folder / "server.properties")]
        with open(self._folder / "log", "ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, cwd=self._folder)


if __name__ == "__main__":
    try:
        print(fetched_jars())
    except (RuntimeError, OSError, subprocess.TimeoutExpired) as error:
        sys.exit(f"No Kafka broker: {error}")
