"""One trial of a search: in this process, or `python -m components.tuner.trial FOLDER`."""

import dataclasses
import logging
import os
import pickle
import sys
from pathlib import Path

import keras

from components import graph_error, own_code
from components.child_environment import end_with_the_parent
from components.free_memory import free_memory
from components.full_memory import is_full_memory
from components.trainer.input.strategy import MEMORY_SHARE
from components.trainer.train import train
from components.trainer.training_job import TrainingJob
from components.trainer.training_log import TrainingLog
from components.tuner.attempt import Attempt
from components.tuner.poor_trials import PoorTrial, PoorTrials, TrialLog
from components.tuner.trial_files import RESULT, TRIAL
from failures import Failure, SurroundingsFailure, in_one_line
from files import writing
from files.strict_json import text_of

_MEMORY_KEY = "training.input.memory_limit_mb"


def objective_of(attempt: Attempt) -> float:
    """What a trial reached in its best epoch.

    Raises:
      Failure: it cannot be trained with these values.
      SurroundingsFailure: a file or a service failed, and the next attempt goes on from here.
      tf.errors.OpError: it does not fit into the device's memory, or an operation broke down.
    """
    objective, folder = attempt.objective, attempt.log_folder
    writing.remove(folder)  # It may hold what a killed attempt at this trial logged.
    log, poor, stopped = TrainingLog(folder), None, False
    if attempt.stop_after:
        training, trials = attempt.job.recipe.training, Path(folder).parent
        poor = PoorTrials(objective, training.monitor, attempt.stop_after, training.epochs, trials)
        log = TrialLog(folder, poor)
    checkpoints = attempt.job.checkpoints
    try:
        with own_code.traced_to("Tuner", attempt.job.recipe.own_names):
            trained, _ = train(attempt.job, checkpoints, log)
        best_epoch, reached = trained.best_epoch, getattr(trained.best, objective)
    except PoorTrial:
        stopped, (best_epoch, reached) = True, poor.score(log.epochs)
    except Exception as error:
        if is_of_its_values(error):
            checkpoints.remove()  # Nothing resumes from here.
        raise
    finally:
        keras.utils.clear_session()  # The next trial's model needs the memory of this one.
    log.close(best_epoch=best_epoch, hyperparameters=attempt.values, stopped_early=stopped)
    checkpoints.remove()
    if reached is None:
        raise Failure(
            f"Tuner: the best epoch has no {objective}: no label of the validation split is known, "
            "or the loss is not a finite number. Check the splits, and lower "
            "training.learning_rate."
        )
    return reached


def is_of_its_values(error: Exception) -> bool:
    """Whether a trial failed as others need not: its values are at fault, not what all share."""
    if isinstance(error, Failure):
        return not isinstance(error, SurroundingsFailure)
    return is_full_memory(error)


def failure_in_words(error: Exception) -> str:
    """Why a trial failed, for people."""
    if is_full_memory(error):
        cause = graph_error.cause(error, "out of memory")
        return f"it does not fit into the device's memory ({cause})."
    return str(error)


def _sharing_memory(job: TrainingJob, trials_at_once: int) -> TrainingJob:
    """The job, with its share of what the memory strategy would take alone."""
    if job.recipe.training.input.memory_limit_mb is not None:
        return job
    share = MEMORY_SHARE * free_memory() / trials_at_once / 2**20
    return job.varied({_MEMORY_KEY: max(1.0, share)})


def main(folder: Path) -> int:
    """Tries what `trials.Trials` left in `folder`; the result lies beside it."""
    end_with_the_parent()
    attempt, trials_at_once = pickle.loads((folder / TRIAL).read_bytes())
    job = _sharing_memory(attempt.job, trials_at_once)
    try:
        result = {"reached": objective_of(dataclasses.replace(attempt, job=job))}
    except SurroundingsFailure as failure:
        result = {"surroundings": str(failure)}
    except Exception as error:
        if is_of_its_values(error):
            of_memory = is_full_memory(error) or is_full_memory(error.__cause__)
            result = {"failure": failure_in_words(error), "of_memory": of_memory}
        else:
            logging.exception("the trial broke down")
            result = {"defect": in_one_line(error)}
    writing.write(folder / RESULT, text_of(result))
    return 0


if __name__ == "__main__":
    code = main(Path(sys.argv[1]))
    sys.stderr.flush()
    os._exit(code)  # Destructors of native libraries have crashed at the end of processes.
