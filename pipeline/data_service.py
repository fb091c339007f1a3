"""The processes of a tf.data service: one dispatcher, and workers that decode for trainings.

Both check whether they still answer, and end if they do not: what started them,
such as systemd or a Deployment, starts them again. TensorFlow's workers have been seen to hang.
"""

import os
import signal
import tempfile
import time
from collections.abc import Callable

from components.reachable import past_proxies, unreachable
from failures import Failure
from files import writing
from settings.training_input import InputFunction

_ASK_EVERY = 10.0  # seconds
_ANSWER_SECONDS = 30.0
_HEARTBEAT_MS = 1000
_SCHEME = "grpc://"


def check(given: InputFunction) -> None:
    """Raises a Failure where a training's data service does not answer."""
    if given.data_service and (cause := unreachable(given.data_service.removeprefix(_SCHEME))):
        port = given.data_service.rpartition(":")[2]
        raise Failure(
            f"training.input.data_service: nothing answers at {given.data_service} ({cause}). "
            f"Start it there by `python -m pipeline data-service dispatcher --port {port} "
            "--work-dir FOLDER`, or leave the key out."
        )


@past_proxies()
def serve_dispatcher(port: int, work_dir: str, say: Callable[[str], None]) -> None:
    """Serves as the dispatcher until SIGTERM or Ctrl-C.

    Args:
      work_dir: a folder for what a restarted dispatcher has to know.

    Raises:
      Failure: the folder or the port cannot be used, or the dispatcher hangs.
    """
    import tensorflow as tf

    folder = os.path.abspath(work_dir)
    with writing.reported(folder):
        writing.make_folder(folder)
        tempfile.TemporaryFile(dir=folder).close()  # It may be there and not be writable.
    config = tf.data.experimental.service.DispatcherConfig(
        port=port,
        work_dir=folder,
        fault_tolerant_mode=True,
    )
    try:
        server = tf.data.experimental.service.DispatchServer(config)
    except (tf.errors.OpError, RuntimeError) as error:
        raise _not_started("dispatcher", port, error) from error
    address = server.target.removeprefix(_SCHEME)
    say(f"dispatcher at {server.target}, its state in {folder}")
    _until_the_end(address, "dispatcher")


@past_proxies()
def serve_worker(dispatcher: str, host: str, port: int, say: Callable[[str], None]) -> None:
    """Serves as a worker until SIGTERM or Ctrl-C.

    Args:
      dispatcher: its host:port.
      host: under which trainings reach this machine.
      port: 0 for one that is free.

    Raises:
      Failure: nothing answers at the dispatcher's address, the port cannot be used, this machine
        has no such name, or the worker hangs.
    """
    if cause := unreachable(dispatcher):
        raise Failure(f"data-service worker: no dispatcher answers at {dispatcher} ({cause}).")
    import tensorflow as tf

    config = tf.data.experimental.service.WorkerConfig(
        dispatcher_address=dispatcher,
        worker_address=f"{host}:%port%",
        port=port,
        heartbeat_interval_ms=_HEARTBEAT_MS,
    )
    try:
        server = tf.data.experimental.service.WorkerServer(config)
    except (tf.errors.OpError, RuntimeError) as error:
        raise _not_started("worker", port, error) from error
    address = f"{host}:{server._address.rpartition(':')[2]}"
    if cause := unreachable(address):
        raise Failure(
            f"data-service worker: trainings cannot reach it at {address} ({cause}). Give "
            "--host a name or an address of this machine."
        )
    say(f"worker at {address} for the dispatcher at {dispatcher}")
    _until_the_end(server._address, "worker")


def answers(address: str, seconds: float) -> bool:
    """Whether a dispatcher or a worker at host:port takes a connection and speaks gRPC."""
    import grpc

    with past_proxies(), grpc.insecure_channel(address) as channel:
        try:
            grpc.channel_ready_future(channel).result(seconds)
        except grpc.FutureTimeoutError:
            return False
    return True


def _until_the_end(address: str, role: str) -> None:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        while answers(address, _ANSWER_SECONDS):
            time.sleep(_ASK_EVERY)
    except KeyboardInterrupt:
        return
    raise Failure(
        f"data-service {role}: it does not answer at {address} within {_ANSWER_SECONDS:g} seconds. "
        "Start it again."
    )


def _not_started(role: str, port: int, error: Exception) -> Failure:
    said = (str(error).strip() or type(error).__name__).splitlines()[0][:300]
    return Failure(f"data-service {role} cannot serve at port {port}: {said}. Choose another port.")
