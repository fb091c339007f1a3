"""What can go wrong in a training, told to the user."""

import contextlib
import logging
from collections.abc import Iterator

import tensorflow as tf

from components import graph_error
from components.trainer import workers
from components.trainer.checkpoints import Checkpoint
from components.trainer.input.function import Input
from components.trainer.tallies import Totals
from failures import Failure


def readable(batches, source: Input, worker_count: int) -> Iterator:
    """The batches; an error in reading them names the file that it is about."""
    try:
        yield from batches
    except tf.errors.OpError as error:
        if worker_count > 1 and isinstance(error, workers.LOST):
            raise  # No file is at fault.
        raise source.source.explain(error) from error


@contextlib.contextmanager
def small_memory_told(batch_size: int) -> Iterator[None]:
    """What the device's memory does not hold becomes a Failure that says what to lower."""
    try:
        yield
    except tf.errors.ResourceExhaustedError as error:
        raise Failure(
            f"Trainer: the device's memory does not hold a step on {batch_size} images "
            f"({graph_error.cause(error, 'out of memory')}). Lower training.batch_size, or take "
            "a smaller model or image."
        ) from error


def diverged(what: str) -> Failure:
    return Failure(f"Trainer: {what}. Lower training.learning_rate, to a tenth for a start.")


def refuse_misfits(totals: Totals, classes: int, split: str) -> None:
    if totals.misfits:
        raise Failure(
            f'Trainer: {totals.misfits:.0f} labels of the split "{split}" are outside the '
            f"{classes} classes of the transform graph. Run Transform again on these examples."
        )


def tell_what_changed(saved: Checkpoint, precision: str, strategy: str) -> None:
    """Warns where a training goes on otherwise than it was begun: its end is another one."""
    began = saved.state["precision"], saved.state["input"]
    if began[0] != precision:
        logging.warning("Trainer: begun in %s, the training goes on in %s.", began[0], precision)
    if began[1] != strategy:
        logging.warning(
            "Trainer: the input strategy was %s and is %s now, which has another order: in this "
            "epoch some examples come twice and others not at all. training.input.strategy "
            "keeps it the same.",
            began[1],
            strategy,
        )
