"""What several processes that train together must agree on."""

import contextlib
import itertools
from collections.abc import Iterator

import tensorflow as tf

from components import graph_error
from components.trainer.input.strategy import STRATEGIES
from failures import Failure

# A collective operation raises these when a peer is gone or does not answer.
LOST = (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.DeadlineExceededError)


def check_same_step(strategy: tf.distribute.Strategy, step: int) -> None:
    """Checks that all workers go on from the same step.

    Raises:
      Failure: they do not see the same checkpoint.
    """
    steps = _of_all(strategy, step)
    if len(set(steps)) > 1:
        raise Failure(
            f"Trainer: the workers go on from the steps {', '.join(map(str, steps))}. "
            "Give all workers a checkpoint_dir that all of them see."
        )


def agree(strategy: tf.distribute.Strategy, chosen: str, reason: str) -> tuple[str, str]:
    """One input strategy for all workers, as each strategy has an order of its own.

    Args:
      strategy: of several workers.
      chosen, reason: this worker's input strategy and why, as `input.strategy.choose` returns.

    Returns:
      The same if all workers chose the same one, otherwise "streaming", which always works.
    """
    names = [STRATEGIES[number] for number in _of_all(strategy, STRATEGIES.index(chosen))]
    if len(set(names)) == 1:
        return chosen, reason
    return "streaming", (
        f"the workers would choose {', '.join(names)}, but must all read the same batches "
        "(training.input.strategy sets one for all)"
    )


def _of_all(strategy: tf.distribute.Strategy, number: int) -> list[int]:
    @tf.function
    def everywhere():
        mine = strategy.run(lambda: tf.constant([number], tf.int64))
        return strategy.gather(mine, axis=0)

    with loss_reported(strategy.num_replicas_in_sync):
        return everywhere().numpy().tolist()


@contextlib.contextmanager
def loss_reported(workers: int) -> Iterator[None]:
    """Turns the error of a lost peer into a Failure that says what to do.

    Args:
      workers: the number that train together; with 1, errors pass.
    """
    try:
        yield
    except LOST as error:
        if workers == 1:
            raise
        raise Failure(
            "Trainer: another worker is gone or does not answer "
            f"({graph_error.cause(error, type(error).__name__)}). "
            "Start all workers again; they resume from the last checkpoint."
        ) from error


def validation_batch_size(examples: int, batch_size: int, workers: int) -> int:
    """A size near `batch_size` that gives every worker a share of every batch.

    It is the largest one up to `batch_size`, or else the smallest one above it.

    Args:
      examples: the number of the validation split's.
      batch_size: a multiple of `workers`.
      workers: how many there are; each takes every `workers`-th example of a batch.

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
