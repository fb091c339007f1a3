"""What reaches the other processes of a training: they are on this machine or in its network."""

import contextlib
import os
import socket
from collections.abc import Iterator

_CONNECT_SECONDS = 5.0
# Empty, gRPC uses no proxy at all. It would ask those of http_proxy and https_proxy for localhost
# too, unless no_proxy has it: https://github.com/grpc/grpc, doc/environment_variables.md.
_PROXY = "grpc_proxy"


def unreachable(address: str) -> str | None:
    """Why nothing can be reached at "host:port" or "[IPv6]:port"; None where something answers."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _CONNECT_SECONDS).close()
    # What is no address at all: no port, a port above 65535, a name that no host can have.
    except (OSError, OverflowError, ValueError) as error:
        return getattr(error, "strerror", None) or str(error)
    return None


@contextlib.contextmanager
def past_proxies() -> Iterator[None]:
    """The connections of TensorFlow, and of whoever else uses gRPC, that the block makes go
    through no proxy."""
    before = os.environ.get(_PROXY)
    os.environ[_PROXY] = ""
    try:
        yield
    finally:
        if before is None:
            del os.environ[_PROXY]
        else:
            os.environ[_PROXY] = before
