"""What can go wrong in a training, as Failures and warnings."""

import contextlib
import logging
from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf

from components import full_memory, graph_error
from components.trainer import workers
from components.trainer.checkpoints import Checkpoint
from components.trainer.input import data_service
from components.trainer.input.function import Input
from components.trainer.input.order import Order
from components.trainer.tallies import Totals
from failures import Failure

_NOT_FINITE = " : Tensor had"  # what check_numerics writes between our words and its own


def readable(batches, source: Input, worker_count: int) -> Iterator:
    """The batches; an error in reading them becomes a Failure that names the file.

    So does a data service that gives none in time, by its address. A full memory is no file's
    fault, and passes.
    """
    if source.service:
        batches = data_service.in_time(batches, source.service)
    try:
        yield from batches
    except tf.errors.OpError as error:
        if worker_count > 1 and isinstance(error, workers.LOST):
            raise  # The file is not at fault.
        if full_memory.says_so(error):  # Too many open files are ResourceExhausted too.
            raise
        raise source.source.explain(error) from error


@contextlib.contextmanager
def step_reported(batch_size: int) -> Iterator[None]:
    """Turns an error in a step into a Failure.

    Where memory is exhausted, it says what to lower; where pixels are not numbers, which code
    returned them.
    """
    what = f"a step on {batch_size} images does"
    next_step = "Lower training.batch_size, or choose a smaller model or image."
    try:
        with _full_memory_reported(what, next_step):
            yield
    except tf.errors.InvalidArgumentError as error:
        said = graph_error.cause(error, "")
        if _NOT_FINITE not in said:
            raise
        found = said.replace(_NOT_FINITE, " with")
        raise Failure(f"Trainer: {found}; allowed: finite numbers") from error


def weights_reported() -> contextlib.AbstractContextManager[None]:
    """Turns the error where a model and its optimizer's state exhaust memory into a Failure."""
    what = "the model's weights and what training keeps of each do"
    return _full_memory_reported(what, "Choose a smaller model.")


@contextlib.contextmanager
def _full_memory_reported(what: str, next_step: str) -> Iterator[None]:
    try:
        yield
    except tf.errors.OpError as error:
        if not full_memory.is_full_memory(error):
            raise
        raise Failure(
            f"Trainer: {what} not fit into the device's memory "
            f"({graph_error.cause(error, 'out of memory')}). {next_step}"
        ) from error


def diverged(what: str) -> Failure:
    return Failure(f"Trainer: {what}. Lower training.learning_rate; try a tenth first.")


def refuse_broken_weights(model: keras.Model, step: int) -> None:
    for variable in model.variables:
        if not np.isfinite(variable.numpy()).all():
            raise diverged(f"some weights are not finite numbers after step {step}")


def refuse_nothing_learnt(totals: Totals) -> None:
    """Raises a Failure where no example of an epoch counted."""
    if not totals.counted:
        raise Failure(
            "Trainer: no label of the training split is in the vocabulary of the transform "
            "graph. Run Transform on this split."
        )
    if not totals.weight:
        raise Failure(
            "Trainer: all training examples have the weight 0. Correct their weights or "
            "training.class_weights."
        )


def refuse_no_comparison(validation: Totals, monitor: str) -> None:
    """Raises a Failure where no validation can ever tell which epoch is the best."""
    if monitor == "loss":
        if validation.counted and not validation.weight:
            raise Failure(
                "Trainer: all validation examples have the weight 0, so no epoch is better than "
                "another. Correct their weights, or set training.monitor to accuracy."
            )
    elif not validation.counted:
        raise Failure(
            "Trainer: no example of the validation split has a class of the transform graph, so no "
            f"epoch has a value of training.monitor: {monitor}. Correct the split, or set "
            "training.monitor to loss."
        )


def refuse_misfits(totals: Totals, classes: int, split: str) -> None:
    if totals.misfits:
        raise Failure(
            f'Trainer: {totals.misfits:.0f} labels of the split "{split}" are outside the '
            f"{classes} classes of the transform graph. Run Transform on these examples again."
        )


def warn_of_changes(saved: Checkpoint, precision: str, order: Order) -> None:
    """Warns if a resumed training differs from the one that was killed, and so ends differently."""
    began, before = saved.state["precision"], saved.state.get("order", {})
    if began != precision:
        logging.warning("Trainer: the training began in %s and resumes in %s.", began, precision)
    if not before.items() >= order.identity.items():
        logging.warning(
            "Trainer: the checkpoint at step %d was written with a different order of examples: "
            "some of them are seen twice in this epoch, and others not at all.",
            saved.step,
        )
