"""What can go wrong in a training, told to the user."""

from collections.abc import Iterator

import tensorflow as tf

from components.failure import Failure
from components.trainer import workers
from components.trainer.input_function import Input
from components.trainer.tallies import Totals


def readable(batches, source: Input, worker_count: int) -> Iterator:
    """The batches; an error in reading them names the file that it is about."""
    try:
        yield from batches
    except tf.errors.OpError as error:
        if worker_count > 1 and isinstance(error, workers.LOST):
            raise  # No file is at fault.
        raise source.source.explain(error) from error


def diverged(what: str) -> Failure:
    return Failure(f"Trainer: {what}. Lower training.learning_rate, to a tenth for a start.")


def refuse_misfits(totals: Totals, classes: int, split: str) -> None:
    if totals.misfits:
        raise Failure(
            f'Trainer: {totals.misfits:.0f} labels of the split "{split}" are outside the '
            f"{classes} classes of the transform graph. Run Transform again on these examples."
        )
