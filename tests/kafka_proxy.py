"""A broker that answers with damaged messages."""

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator, Mapping


@contextlib.contextmanager
def damaging_proxy(broker: str, old: bytes, new: bytes) -> Iterator[str]:
    """The address of a proxy of this broker, within the block.

    It puts `new` in the place of `old`, of the same length, in all that the broker answers.
    """
    host, port = broker.split(":")
    with socket.create_server((host, 0)) as server:
        here = server.getsockname()[1]
        # An answer says where brokers are, and readers go on there.
        changes = {old: new, _place(host, int(port)): _place(host, here)}

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    client, _ = server.accept()
                    behind = socket.create_connection((host, int(port)))
                    _start(_forward, client, behind, {})
                    _start(_forward, behind, client, changes)

        _start(serve)
        yield f"{host}:{here}"
        server.shutdown(socket.SHUT_RDWR)


def _forward(source: socket.socket, target: socket.socket, changes: Mapping[bytes, bytes]) -> None:
    with source, contextlib.suppress(OSError):
        while block := source.recv(1 << 20):
            for old, new in changes.items():
                block = block.replace(old, new)
            target.sendall(block)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)  # which ends the thread of the other direction


def _place(host: str, port: int) -> bytes:
    """A broker's place as Kafka's protocol writes it."""
    return host.encode() + struct.pack(">i", port)


def _start(work, *arguments) -> None:
    threading.Thread(target=work, args=arguments, daemon=True).start()
