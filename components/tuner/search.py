"""A search for the best hyperparameters: KerasTuner proposes, Trainer's own training tries."""

import contextlib
import io
import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from typing import Any

import keras_tuner
import tensorflow as tf
from keras_tuner.engine import base_tuner

from components.trainer import hyperparameters
from components.tuner.oracle import build_oracle
from components.tuner.trial import failure_in_words, is_of_its_values
from failures import Failure
from files import writing
from settings.tuner import Tuner

_LOGGER = logging.getLogger("steadyfeed.progress")
_log = logging.getLogger(__name__)
_ASK_EVERY = 0.2  # seconds
_HYPERBAND_EPOCHS = "tuner/epochs"  # how long hyperband lets this trial train


class Search(base_tuner.BaseTuner):
    """Runs trials, and after a kill resumes those that were running.

    Args:
      folder: where the state of this search, and no other, is kept.
      try_values: (name of the trial, values by configuration key, epochs) to the objective.
      seed: the same one proposes the same values for the same outcomes.
      end_trials: ends those that run at the same time as one that ends the search.
      remark: what is reported of a trial, by its name, behind what it reached.
    """

    def __init__(
        self,
        tuner: Tuner,
        folder: str,
        try_values: Callable[[str, Mapping[str, Any], int], float],
        seed: int,
        end_trials: Callable[[], None] = lambda: None,
        remark: Callable[[str], str] = lambda trial: "",
    ):
        self._tuner = tuner
        self._remark = remark
        self._try_values = try_values
        self._end_trials, self._ended = end_trials, False
        self._one_at_a_time = threading.Lock()
        # KerasTuner prints that it resumes; the number of the trial shows it already.
        with contextlib.redirect_stdout(io.StringIO()):
            super().__init__(build_oracle(tuner, seed), directory=folder, project_name="search")
        # KerasTuner reads them in the folder's order, which decides between equal ones and the
        # sums of Bayesian optimisation.
        self.oracle.trials = dict(sorted(self.oracle.trials.items()))
        self._try_forgotten_trials_again()

    def _try_forgotten_trials_again(self) -> None:
        """Has the oracle do the trials that began and whose end or beginning it does not know.

        It keeps a trial before it notes that this is running, and a kill may come between. Where
        no trial had ended at a kill, a search begins anew, over what the first one had begun.
        """
        waiting = self.oracle._retry_queue
        for name, trial in reversed(self.oracle.trials.items()):
            if trial.status == "RUNNING" and name not in waiting:
                self.oracle._record_values(trial)  # Or it would propose them once more.
                waiting.append(name)

    def run_trial(self, trial, done: Future | None = None) -> dict[str, float]:
        """The objective of one trial's values.

        Args:
          done: the outcome, if it is known already.

        Raises:
          FailedTrialError: training with these values failed; the search goes on.
          FatalError: anything else went wrong; the search ends, and the next one tries this trial
            again.
        """
        if done:
            return done.result()
        given = trial.hyperparameters.values
        epochs = given.get(_HYPERBAND_EPOCHS, self._tuner.epochs)
        values = hyperparameters.tunable(given)
        # Processes report no progress of their own.
        _log.info("trial %d of %d: %s", int(trial.trial_id) + 1, self._tuner.trials, values)
        alone = self._tuner.parallel_trials == 1
        shown = (
            _progress_of(int(trial.trial_id), self._tuner.trials)
            if alone
            else contextlib.nullcontext()
        )
        try:
            with shown:
                reached = self._try_values(trial.trial_id, values, epochs)
        except Exception as error:
            if is_of_its_values(error):
                raise keras_tuner.errors.FailedTrialError(failure_in_words(error)) from error
            # The only error that KerasTuner does not swallow.
            raise keras_tuner.errors.FatalError(str(error)) from error
        return {self._tuner.objective: reached}

    def search_in_threads(self) -> None:
        """`search`, with as many trials at a time as the section says; the oracle is one for all.

        Bayesian and hyperband search propose values by the trials that have ended by then.

        Raises:
          FatalError: as `search`.
        """
        with ThreadPoolExecutor(self._tuner.parallel_trials) as threads:
            searching = [
                threads.submit(self._search_as, f"thread{number}")
                for number in range(self._tuner.parallel_trials)
            ]
            try:
                for done in as_completed(searching):
                    done.result()
            except BaseException:
                self._ended = True
                self._end_trials()
                raise

    def _search_as(self, name: str) -> None:
        while (trial := self._with_oracle(self.oracle.create_trial, name)) is not None:
            if trial.status == "STOPPED":
                return
            if trial.status == "IDLE":  # Hyperband waits for the trials of a round.
                time.sleep(_ASK_EVERY)
                continue
            done = Future()
            try:
                done.set_result(self.run_trial(trial))
            except Exception as error:
                done.set_exception(error)
            self._with_oracle(self._end, trial, done)

    def _with_oracle(self, call: Callable, *given):
        """Calls what asks or changes the oracle, one at a time; not any more after the end.

        KerasTuner's own lock stays locked after an error, and it marks a trial as completed
        before it has a score.
        """
        with self._one_at_a_time:
            if self._ended:
                return None
            try:
                return call(*given)
            except BaseException:
                self._ended = True
                raise

    def _end(self, trial, done: Future) -> None:
        self._try_run_and_update_trial(trial, done)
        self.on_trial_end(trial)

    def on_trial_end(self, trial) -> None:
        """Saves the search's state and reports the trial."""
        super().on_trial_end(trial)
        number, of = int(trial.trial_id) + 1, self._tuner.trials
        if trial.status == "COMPLETED":
            outcome = f"{self._tuner.objective} {trial.score:.4g}{self._remark(trial.trial_id)}"
        else:
            outcome = f"failed: {_reason(trial)}"
        _LOGGER.info(
            "trial %d of %d: %s: %s",
            number,
            of,
            in_words(hyperparameters.tunable(trial.hyperparameters.values)),
            outcome,
            extra={"completed": number / of},
        )


def search(tuner: Tuner, folder: str, *others, **options) -> Search:
    """A finished search with at least one successful trial; arguments as for `Search`.

    Raises:
      Failure: all trials failed.
      SurroundingsFailure: a file or a service failed; the state is kept for the next search.
    """
    try:
        found = Search(tuner, folder, *others, **options)
    except (ValueError, KeyError, tf.errors.OpError, keras_tuner.errors.FatalError):
        # A kill interrupted KerasTuner's writing: start again, to the same end.
        writing.remove(folder)
        found = Search(tuner, folder, *others, **options)
    try:
        with writing.reported(folder):  # KerasTuner writes its state by itself.
            found.search() if tuner.parallel_trials == 1 else found.search_in_threads()
    except keras_tuner.errors.FatalError as error:
        raise error.__cause__ or error from None
    [best] = found.oracle.get_best_trials(1)
    if best.status != "COMPLETED":
        # The next search may begin after the cause is fixed.
        writing.remove(folder)
        raise Failure(
            f"Tuner: all {len(found.oracle.trials)} trials failed; the first one: {_reason(best)}"
        )
    return found


def _reason(trial) -> str:
    """The Failure that ended it, of the whole traceback that KerasTuner keeps."""
    return trial.message.strip().splitlines()[-1].partition(": ")[2]


def in_words(values: Mapping[str, Any]) -> str:
    """The values by the names of their configuration keys, without the sections."""
    return ", ".join(
        f"{key.rpartition('.')[2]} {value:.4g}"
        if isinstance(value, float)
        else f"{key.rpartition('.')[2]} {value}"
        for key, value in sorted(values.items())
    )


@contextlib.contextmanager
def _progress_of(trial: int, of: int):
    """Turns a training's progress into that of the whole search."""

    def of_the_search(record: logging.LogRecord) -> bool:
        record.msg, record.args = f"trial {trial + 1} of {of}, {record.getMessage()}", ()
        # Who waits for another process cannot say how much is done.
        record.completed = (trial + getattr(record, "completed", 0.0)) / of
        record.stays = False  # The plan of every trial's input would fill the screen.
        return True

    _LOGGER.addFilter(of_the_search)
    try:
        yield
    finally:
        _LOGGER.removeFilter(of_the_search)
