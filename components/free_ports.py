"""Ports for servers and workers of this machine."""

import contextlib
import socket


def free_ports(count: int) -> list[int]:
    """Different ports of 127.0.0.1 to which nothing listens; another process may be faster."""
    with contextlib.ExitStack() as open_ones:
        sockets = [open_ones.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
