"""Whether something answers at an address."""

import socket

_CONNECT_SECONDS = 5.0


def unreachable(address: str) -> str | None:
    """Why nothing can be reached at "host:port" or "[IPv6]:port"; None where something answers."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _CONNECT_SECONDS).close()
    # What is no address at all: no port, a port above 65535, a name that no host can have.
    except (OSError, OverflowError, ValueError) as error:
        return getattr(error, "strerror", None) or str(error)
    return None
