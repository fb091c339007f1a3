"""A search for the best hyperparameters: KerasTuner proposes, Trainer's own training tries."""

import contextlib
import io
import logging
from collections.abc import Callable, Mapping
from typing import Any

import keras_tuner
import tensorflow as tf
from keras_tuner.engine import base_tuner

from components import graph_error
from components.trainer import hyperparameters
from components.tuner.oracle import build_oracle
from components.tuner.tuner_parameters import TunerParameters
from failures import Failure
from files import writing

_LOGGER = logging.getLogger("steadyfeed.progress")
_HYPERBAND_EPOCHS = "tuner/epochs"  # how long hyperband lets this trial train


class Search(base_tuner.BaseTuner):
    """Trials one after another; after a kill it goes on with the one that was running.

    Args:
      parameters: how it goes.
      folder: of this very search, where its state is kept.
      try_values: trains with these values, by configuration key, for so many epochs, as the
        trial of this name, and returns the objective.
      seed: the same one proposes the same values for the same outcomes.
    """

    def __init__(
        self,
        parameters: TunerParameters,
        folder: str,
        try_values: Callable[[str, Mapping[str, Any], int], float],
        seed: int,
    ):
        self._parameters = parameters
        self._try_values = try_values
        # KerasTuner prints that it goes on; the number of the trial says so.
        with contextlib.redirect_stdout(io.StringIO()):
            super().__init__(
                build_oracle(parameters, seed), directory=folder, project_name="search"
            )
        # Read in the order of the folder's listing: of equal ones the first is the best, and
        # the sums of bayesian optimisation go by their order as well.
        self.oracle.trials = dict(sorted(self.oracle.trials.items()))

    def run_trial(self, trial) -> dict[str, float]:
        """The objective of one trial's values.

        Raises:
          FailedTrialError: these values cannot be trained with; the search goes on.
          FatalError: from anything else; the search ends.
        """
        given = trial.hyperparameters.values
        epochs = given.get(_HYPERBAND_EPOCHS, self._parameters.epochs)
        values = hyperparameters.tunable(given)
        try:
            with _progress_of(int(trial.trial_id), self._parameters.trials):
                reached = self._try_values(trial.trial_id, values, epochs)
        except Failure as error:
            raise keras_tuner.errors.FailedTrialError(str(error)) from error
        except tf.errors.ResourceExhaustedError as error:
            cause = graph_error.cause(error, "out of memory")
            raise keras_tuner.errors.FailedTrialError(
                f"the device's memory does not hold it ({cause})."
            ) from error
        except Exception as error:
            # All that KerasTuner does not swallow.
            raise keras_tuner.errors.FatalError(str(error)) from error
        return {self._parameters.objective: reached}

    def on_trial_end(self, trial) -> None:
        """Saves the search's state, and says how the trial went."""
        super().on_trial_end(trial)
        number, of = int(trial.trial_id) + 1, self._parameters.trials
        if trial.status == "COMPLETED":
            outcome = f"{self._parameters.objective} {trial.score:.4g}"
        else:
            outcome = f"cannot be trained with: {_reason(trial)}"
        _LOGGER.info(
            "trial %d of %d: %s: %s",
            number,
            of,
            told(hyperparameters.tunable(trial.hyperparameters.values)),
            outcome,
            extra={"completed": number / of},
        )


def search(
    parameters: TunerParameters,
    folder: str,
    try_values: Callable[[str, Mapping[str, Any], int], float],
    seed: int,
) -> Search:
    """A finished search with at least one trial that could be trained; see `Search`.

    Raises:
      Failure: no trial could be trained.
    """
    try:
        tuner = Search(parameters, folder, try_values, seed)
    except (ValueError, KeyError, tf.errors.OpError, keras_tuner.errors.FatalError):
        # A kill in the middle of KerasTuner's writing: from the start, to the same end.
        writing.remove(folder)
        tuner = Search(parameters, folder, try_values, seed)
    try:
        tuner.search()
    except keras_tuner.errors.FatalError as error:
        raise error.__cause__ or error from None
    [best] = tuner.oracle.get_best_trials(1)
    if best.status != "COMPLETED":
        # What stopped them all may be mended when the next search begins.
        writing.remove(folder)
        raise Failure(
            f"Tuner: none of the {len(tuner.oracle.trials)} trials could be trained; the first "
            f"one said: {_reason(best)}"
        )
    return tuner


def _reason(trial) -> str:
    """The Failure that ended it; KerasTuner keeps the whole traceback."""
    return trial.message.strip().splitlines()[-1].partition(": ")[2]


def told(values: Mapping[str, Any]) -> str:
    """The values in words, the configuration keys without their sections."""
    return ", ".join(
        f"{key.rpartition('.')[2]} {value:.4g}"
        if isinstance(value, float)
        else f"{key.rpartition('.')[2]} {value}"
        for key, value in sorted(values.items())
    )


@contextlib.contextmanager
def _progress_of(trial: int, of: int):
    """A training's messages as those of a trial: a part of the whole search is done."""

    def of_the_search(record: logging.LogRecord) -> bool:
        record.msg, record.args = f"trial {trial + 1} of {of}, {record.getMessage()}", ()
        record.completed = (trial + record.completed) / of
        return True

    _LOGGER.addFilter(of_the_search)
    try:
        yield
    finally:
        _LOGGER.removeFilter(of_the_search)
