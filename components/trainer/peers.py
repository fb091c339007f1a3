"""Waits for the other workers of TF_CONFIG, before TensorFlow does.

TensorFlow's own wait has no timeout that works: with the coordination service's
`cluster_register_timeout_in_ms` at 8 seconds, a lone worker of TensorFlow 2.21 still waited after
minutes, and ignored SIGTERM. So every worker listens at its own address until it has reached all
others, and only then starts what cannot be stopped.
"""

import contextlib
import logging
import socket
import time
from collections.abc import Iterator, Sequence

from failures import Failure

_LOGGER = logging.getLogger("steadyfeed.progress")
_ASK_EVERY = 0.2  # seconds
_ONE_ANSWER = 5.0  # seconds


def await_peers(addresses: Sequence[str], worker: int, seconds: float) -> None:
    """Returns once all other workers listen at their addresses.

    A worker that has found all others may have gone on to TensorFlow's server, which then answers
    at the same address. One that answered may be gone when the last one comes, so in the end all
    must answer one right after the other.

    Args:
      addresses: "host:port" of all workers.
      worker: this one's number among them.
      seconds: the longest wait.

    Raises:
      Failure: a worker did not come, an address is invalid, or this worker's port is taken.
    """
    places = [_place(address) for address in addresses]
    missing = others = [number for number in range(len(places)) if number != worker]
    deadline = time.monotonic() + seconds
    logged = None
    with _listening(addresses[worker], places[worker][1]):
        while missing := _silent(missing, places, deadline) or _silent(others, places, deadline):
            awaited = ", ".join(f"worker {number} at {addresses[number]}" for number in missing)
            if time.monotonic() >= deadline:
                raise Failure(
                    f"Trainer: worker {worker} waited {seconds:g} seconds for {awaited}: "
                    "no answer. "
                    "Start all workers, or correct TF_CONFIG; training.worker_wait_seconds sets "
                    "how long to wait."
                )
            if awaited != logged:
                message = f"waiting for {awaited}, at most {seconds:g} seconds"
                _LOGGER.info(message, extra={"completed": 0.0})
                logged = awaited
            time.sleep(_ASK_EVERY)


def _silent(numbers: Sequence[int], places: Sequence, deadline: float) -> list[int]:
    return [number for number in numbers if not _answers(places[number], deadline)]


def _place(address: str) -> tuple[str, int]:
    host, _, port = str(address).rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise Failure(
            f"Trainer: TF_CONFIG names the worker {address!r}. Give its address as host:port."
        )
    return host.strip("[]"), int(port)


@contextlib.contextmanager
def _listening(address: str, port: int) -> Iterator[None]:
    both = socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if both else socket.AF_INET
    try:
        server = socket.create_server(("", port), family=family, dualstack_ipv6=both)
    except OSError as error:
        raise Failure(
            f"Trainer: this worker cannot listen at its address {address} of TF_CONFIG "
            f"({error.strerror}). Run each worker in a process of its own, and give it a free port."
        ) from error
    with server:
        yield


def _answers(place: tuple[str, int], deadline: float) -> bool:
    seconds = min(_ONE_ANSWER, max(_ASK_EVERY, deadline - time.monotonic()))
    try:
        socket.create_connection(place, timeout=seconds).close()
    except OSError:  # It has not started yet, or its name does not resolve yet.
        return False
    return True
