"""What several processes that train together must have in common."""

import contextlib
import itertools
from collections.abc import Iterator

import tensorflow as tf

from components import graph_error
from components.trainer.input.strategy import STRATEGIES
from failures import Failure

# What a collective operation ends with when its peer is gone or does not answer.
LOST = (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.DeadlineExceededError)


def check_same_step(strategy: tf.distribute.Strategy, step: int) -> None:
    """Whether all workers go on from the same step.

    Raises:
      Failure: they do not see the same checkpoint.
    """
    steps = _told_by_all(strategy, step)
    if len(set(steps)) > 1:
        raise Failure(
            f"Trainer: the workers go on from the steps {', '.join(map(str, steps))}. "
            "Give all workers a checkpoint_dir that all of them see."
        )


def agree(strategy: tf.distribute.Strategy, chosen: str, reason: str) -> tuple[str, str]:
    """One input strategy for all workers: each has an order of its own, and gives other shares.

    Args:
      strategy: of several workers.
      chosen, reason: this worker's input strategy and why, as `input.strategy.choose` returns.

    Returns:
      The same where all workers chose the same, otherwise "streaming", which all can do.
    """
    names = [STRATEGIES[number] for number in _told_by_all(strategy, STRATEGIES.index(chosen))]
    if len(set(names)) == 1:
        return chosen, reason
    return "streaming", (
        f"the workers would take {', '.join(names)}, and all must read the same batches "
        "(training.input.strategy sets another)"
    )


def _told_by_all(strategy: tf.distribute.Strategy, number: int) -> list[int]:
    @tf.function
    def everywhere():
        mine = strategy.run(lambda: tf.constant([number], tf.int64))
        return strategy.gather(mine, axis=0)

    with lost_worker_told(strategy.num_replicas_in_sync):
        return everywhere().numpy().tolist()


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
            "Trainer: another worker is gone or does not answer "
            f"({graph_error.cause(error, type(error).__name__)}). "
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
