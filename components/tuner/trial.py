"""One trial of a search: in this process, or `python -m components.tuner.trial FOLDER`."""

import json
import logging
import os
import pickle
import sys
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from components import graph_error
from components.child_environment import end_with_the_parent
from components.trainer.input.strategy import MEMORY_SHARE, free_memory
from components.trainer.task import Task
from components.trainer.training_log import TrainingLog
from components.trainer.training_task import train
from components.tuner.poor_trials import PoorTrial, PoorTrials, TrialLog
from failures import Failure, in_one_line
from files import writing
from files.strict_json import text_of

TRIAL, RESULT = "trial.pickle", "result.json"
_MEMORY_KEY = "training.input.memory_limit_mb"


def objective_of(
    task: Task,
    objective: str,
    log_folder: str,
    values: dict[str, Any],
    stop_after: int | None = None,
) -> float:
    """What one trial reached in its best epoch.

    Args:
      stop_after: epochs after which it stops where it is poor; None: it never does.

    Raises:
      Failure: it cannot be trained with these values.
      tf.errors.ResourceExhaustedError: it does not fit into the device's memory.
    """
    writing.remove(log_folder)  # It may hold what a killed attempt at this trial logged.
    log, poor, stopped = TrainingLog(log_folder), None, False
    if stop_after:
        poor = PoorTrials(objective, stop_after, Path(log_folder).parent)
        log = TrialLog(log_folder, poor)
    checkpoints = task.checkpoints
    try:
        trained, _ = train(task, checkpoints, log)
        best_epoch, reached = trained.best_epoch, getattr(trained.best, objective)
    except PoorTrial:
        stopped, (best_epoch, reached) = True, poor.best(log.epochs)
    except (Failure, tf.errors.ResourceExhaustedError):
        checkpoints.remove()  # Nothing resumes from here.
        raise
    finally:
        keras.utils.clear_session()  # The next trial's model needs the memory of this one.
    log.close(best_epoch=best_epoch, hyperparameters=values, stopped_early=stopped)
    checkpoints.remove()
    if reached is None:
        raise Failure(
            f"Tuner: the best epoch has no {objective}: no label of the validation split is known, "
            "or the loss is not a finite number. Check the splits, and lower "
            "training.learning_rate."
        )
    return reached


def failure_in_words(error: Exception) -> str:
    """Why a trial failed, for people."""
    if isinstance(error, tf.errors.ResourceExhaustedError):
        cause = graph_error.cause(error, "out of memory")
        return f"it does not fit into the device's memory ({cause})."
    return str(error)


def _sharing_memory(task: Task, trials_at_once: int) -> Task:
    """The task, with its share of what the memory strategy would take alone."""
    if task.recipe.training.input.memory_limit_mb is not None:
        return task
    share = MEMORY_SHARE * free_memory() / trials_at_once / 2**20
    return task.varied({_MEMORY_KEY: max(1.0, share)})


def main(folder: Path) -> int:
    """Tries what `trials.Trials` left in `folder`; the result lies beside it."""
    end_with_the_parent()
    given = pickle.loads((folder / TRIAL).read_bytes())
    task = _sharing_memory(given.pop("task"), given.pop("trials_at_once"))
    try:
        result = {"reached": objective_of(task, **given)}
    except (Failure, tf.errors.ResourceExhaustedError) as error:
        result = {"failure": failure_in_words(error)}
    except Exception as error:
        logging.exception("the trial broke down")
        result = {"defect": in_one_line(error)}
    writing.write(folder / RESULT, text_of(result))
    return 0


def read_result(folder: Path) -> dict[str, Any] | None:
    """{"reached": …}, {"failure": …} or {"defect": …}; None where the process was killed."""
    file = folder / RESULT
    return json.loads(file.read_text()) if file.exists() else None


if __name__ == "__main__":
    code = main(Path(sys.argv[1]))
    sys.stderr.flush()
    os._exit(code)  # Destructors of native libraries have crashed at the end of processes.
