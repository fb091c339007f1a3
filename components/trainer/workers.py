"""Several processes that train together: they wait for each other, and agree on what they do.

TensorFlow's own wait has no timeout that works: with the coordination service's
`cluster_register_timeout_in_ms` at 8 seconds, a lone worker of TensorFlow 2.21 still waited after
minutes, and ignored SIGTERM. So every worker listens at its own address until it has reached all
others, and only then starts what cannot be stopped.
"""

import contextlib
import functools
import itertools
import logging
import socket
import threading
import time
from collections.abc import Iterator, Sequence

import tensorflow as tf
from tensorflow.python.eager import context

from components import graph_error
from components.trainer.cluster import WorkerLost
from failures import Failure

_LOGGER = logging.getLogger("steadyfeed.progress")
_ASK_EVERY = 0.2  # seconds
_ONE_ANSWER = 5.0  # seconds
# Whoever waits for the slowest worker waits while that one writes a checkpoint.
_LONGEST_STEP = 300.0  # seconds
_PRECISIONS = ("float32", "mixed_float16", "mixed_bfloat16")
# A collective operation raises these when a peer is gone or does not answer.
LOST = (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.DeadlineExceededError)


class Watch:
    """Ends this worker's wait for the others where it takes too long, as for one that hangs.

    A call of the training takes as many steps as the user says, so only earlier calls tell how long
    the next one may take.

    TensorFlow's own timeout starts a thread for each collective operation, which sleeps that long
    even after the operation has ended: within a minute, a fast training used up all the threads
    that the machine allows. See `timeout_microseconds` in
    https://github.com/tensorflow/tensorflow, base_collective_executor.cc.

    Args:
      workers: with one, there is nothing to watch.
    """

    def __init__(self, workers: int):
        self._workers, self._watching, self._over = workers, False, threading.Event()
        self._since, self._longest = time.monotonic(), 0.0  # progress: the last, and between two

    def progress(self) -> None:
        """Must be called again within `_LONGEST_STEP` seconds and twice the longest time that there
        was between two calls, or from the beginning to the first one.
        """
        now = time.monotonic()
        self._longest = max(self._longest, now - self._since)
        self._since, self._watching = now, True

    def pause(self) -> None:
        """Until the next `progress`, anything may take any time."""
        self._watching = False

    def __enter__(self) -> "Watch":
        if self._workers > 1:
            threading.Thread(target=self._look, daemon=True).start()
        return self

    def __exit__(self, *_) -> None:
        self._over.set()

    def _look(self) -> None:
        while not self._over.wait(_ASK_EVERY):
            allowed = _LONGEST_STEP + 2 * self._longest
            if self._watching and time.monotonic() - self._since > allowed:
                # The call that the training waits in raises this, and the others lose this worker.
                words = f"no progress for {allowed:.0f} seconds"
                context.context().abort_collective_ops(tf.errors.DEADLINE_EXCEEDED, words)
                return


def check_same_step(strategy: tf.distribute.Strategy, step: int) -> None:
    """Raises a Failure if the workers do not all go on from the same step."""
    steps = of_all(strategy, step)
    if len(set(steps)) > 1:
        raise Failure(
            f"Trainer: the workers go on from the steps {', '.join(map(str, steps))}. "
            "Give all workers a checkpoint_dir that all of them see."
        )


def check_same_precision(strategy: tf.distribute.Strategy, precision: str) -> None:
    """Raises a Failure if the workers do not all compute in the same precision.

    Other ones have other variables and sums, and the workers would wait for each other for ever.
    """
    numbers = of_all(strategy, _PRECISIONS.index(precision))
    if len(set(numbers)) > 1:
        names = ", ".join(_PRECISIONS[number] for number in numbers)
        raise Failure(
            f"Trainer: the workers compute in {names}. Set training.precision to one of these "
            "that suits the devices of all workers, or give all of them the same kind of GPU."
        )


def wait_for_all(strategy: tf.distribute.Strategy) -> None:
    """Returns once every worker calls it, however long one takes until then.

    Raises:
      WorkerLost: one is gone.
    """
    of_all(strategy, 0)


def first_one_says(strategy: tf.distribute.Strategy, yes: bool) -> bool:
    """Whether the first worker says yes; every worker must ask at the same step."""
    return bool(of_all(strategy, int(yes))[0])


def of_all(strategy: tf.distribute.Strategy, number: int) -> list[int]:
    """The number that each worker gives here, in the workers' order."""
    with loss_reported(strategy.num_replicas_in_sync):
        return _gathering(strategy)(tf.constant([number], tf.int64)).numpy().tolist()


@functools.cache
def _gathering(strategy: tf.distribute.Strategy):
    """Compiled once, as a training asks again and again."""

    @tf.function
    def everywhere(mine):
        return strategy.gather(strategy.run(lambda: tf.identity(mine)), axis=0)

    return everywhere


@contextlib.contextmanager
def loss_reported(workers: int) -> Iterator[None]:
    """Turns the error of a lost peer into a WorkerLost; a single worker has no peers."""
    try:
        yield
    except LOST as error:
        if workers == 1:
            raise
        raise WorkerLost(
            "Trainer: another worker is gone or does not answer "
            f"({graph_error.cause(error, type(error).__name__)}). "
            "Start all workers again; they resume from the last checkpoint."
        ) from error


def validation_batch_size(examples: int, batch_size: int, workers: int) -> int:
    """A size near `batch_size` that gives every worker a share of every batch.

    It is the largest one up to `batch_size`, or else the smallest one above it. Each worker takes
    every `workers`-th example of a batch.

    Raises:
      Failure: there are fewer examples than workers.
    """
    if examples < workers:
        raise Failure(
            f"Trainer: the validation split has {examples} examples for {workers} workers. "
            "Enlarge the split, or use fewer workers."
        )
    smaller = range(batch_size, 0, -workers)
    larger = range(batch_size + workers, examples + workers, workers)
    sizes = itertools.chain(smaller, larger)
    return next(size for size in sizes if examples % size == 0 or examples % size >= workers)


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
      WorkerLost: a worker did not come, or this worker's port is taken.
      Failure: an address is invalid.
    """
    places = [_place(address) for address in addresses]
    missing = others = [number for number in range(len(places)) if number != worker]
    deadline = time.monotonic() + seconds
    logged = None
    with _listening(addresses[worker], places[worker][1]):
        while missing := _silent(missing, places, deadline) or _silent(others, places, deadline):
            awaited = ", ".join(f"worker {number} at {addresses[number]}" for number in missing)
            if time.monotonic() >= deadline:
                raise WorkerLost(
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
        # Whoever starts workers draws other ports for the next start.
        raise WorkerLost(
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
