"""What several processes that train together must have in common."""

import contextlib
import itertools
from collections.abc import Iterator

import tensorflow as tf

from components.failure import Failure

# What a collective operation ends with when its peer is gone or does not answer.
LOST = (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.DeadlineExceededError)


def check_same_step(strategy: tf.distribute.Strategy, step: int) -> None:
    """Whether all workers go on from the same step.

    Raises:
      Failure: they do not see the same checkpoint.
    """

    @tf.function
    def everywhere():
        mine = strategy.run(lambda: tf.constant(float(step), tf.float64))
        return strategy.reduce(tf.distribute.ReduceOp.SUM, mine, axis=None)

    with lost_worker_told(strategy.num_replicas_in_sync):
        total = float(everywhere())
    if total != step * strategy.num_replicas_in_sync:
        raise Failure(
            f"Trainer: this worker goes on from step {step} and the others from another one. "
            "Give all workers a checkpoint_dir that all of them see."
        )


@contextlib.contextmanager
def lost_worker_told(workers: int) -> Iterator[None]:
    """Errors of a peer that is gone become a Failure that says what to do.

    Args:
      workers: that train together; of one alone nothing is told.
    """
    try:
        yield
    except LOST as error:
        if workers == 1:
            raise
        raise Failure(
            f"Trainer: another worker is gone or does not answer ({str(error).splitlines()[0]}). "
            "Start all workers again: they go on from the last checkpoint."
        ) from error


def validation_batch_size(examples: int, batch_size: int, workers: int) -> int:
    """A size near `batch_size` that leaves no worker an empty share of any batch.

    It is the largest one up to `batch_size`, or else the smallest one above.

    Args:
      examples: of the validation split.
      batch_size: a multiple of `workers`.
      workers: that each take every `workers`-th example of a batch.

    Raises:
      Failure: fewer examples than workers.
    """
    if examples < workers:
        raise Failure(
            f"Trainer: the validation split has {examples} examples for {workers} workers. "
            "Make it larger, or take fewer workers."
        )
    smaller = range(batch_size, 0, -workers)
    larger = range(batch_size + workers, examples + workers, workers)
    sizes = itertools.chain(smaller, larger)
    return next(size for size in sizes if examples % size == 0 or examples % size >= workers)
