"""Runs Tuner: trains with proposed values, then writes the best ones."""

import contextlib
import functools
import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tfx import types

from components.trainer import hyperparameters
from components.trainer.cluster import place
from components.trainer.history import History
from components.trainer.training_job import TrainingJob
from components.tuner.attempt import Attempt
from components.tuner.far_trials import RUNNERS, FarTrials
from components.tuner.known_trials import KnownTrials
from components.tuner.reading import TRIALS, Trial, read_trials
from components.tuner.search import in_words, search
from components.tuner.search_space import with_fractions
from components.tuner.search_state import search_state
from components.tuner.starts import STARTS, TOO_OFTEN, counted, lost, lost_too_often
from components.tuner.trial import objective_of
from components.tuner.trial_files import process_lost
from components.tuner.trials import LEAVE_GPUS, Trials
from components.visible_gpus import visible_gpus
from failures import Failure
from files import writing
from files.places import files_below
from settings.tuner import Tuner


def execute(job: TrainingJob, tuner: Tuner, best: types.Artifact, results: types.Artifact) -> None:
    """Tries values with Trainer's own training, on the splits "train" and "validation".

    Raises:
      Failure: there is no validation split, there are several workers, or no trial could be
        trained.
    """
    workers = place(os.environ).workers
    if workers > 1:
        # TensorFlow can join its workers once in a process, and every trial is a training.
        raise Failure(
            f"Tuner: TF_CONFIG names {workers} workers, but a search runs in one process. "
            "Unset TF_CONFIG for the Tuner; the Trainer may keep it."
        )
    if "validation" not in job.splits:
        raise Failure(
            "Tuner: there is no validation split to compare trials by. Set data.splits.validation."
        )
    tuner = with_fractions(tuner, job.recipe)
    with search_state(job, tuner) as folder:
        _search_in(folder, job, tuner, best, results)


def _search_in(
    folder: str, job: TrainingJob, tuner: Tuner, best: types.Artifact, results: types.Artifact
) -> None:
    # It imports all of TFX's components, so only where a search is done.
    from tfx.components.tuner.executor import write_best_hyperparameters

    # The logs lie with the state: after a kill, the results still have all of them.
    logs = os.path.join(folder, TRIALS)

    trials = _trials(tuner.parallel_trials)
    train_one = trials.run if _in_processes(tuner) else objective_of
    # What kills the search kills no trial of a runner, which counts by itself.
    begun = functools.partial(_begun, threading.Lock())
    if isinstance(trials, FarTrials):
        begun = contextlib.nullcontext

    known = KnownTrials.beside(job.checkpoint_dir)

    def try_values(trial: str, values: dict[str, Any], epochs: int) -> float:
        varied, log = job.varied({**values, "training.epochs": epochs}), os.path.join(logs, trial)
        history = known.recall(varied, log, values)
        reached = history and getattr(history.best, tuner.objective)
        if reached is None:
            with begun(os.path.join(folder, STARTS, trial)):
                reached = train_one(
                    Attempt(varied, tuner.objective, log, values, tuner.stop_poor_after)
                )
            known.keep(varied, log)
        return reached

    def remark(name: str) -> str:
        history = History.read(Path(logs, name))
        words = Trial(name, history).remark if history else ""
        return f" ({words})" if words else ""

    with contextlib.closing(trials):
        found = search(tuner, folder, try_values, job.seed, trials.close, remark)
    histories = [trial.history for trial in read_trials(Path(folder))]
    write_best_hyperparameters(found, {"best_hyperparameters": [best], "tuner_results": [results]})
    writing.copy_files(logs, os.path.join(results.uri, TRIALS), files_below(logs))
    [trial] = found.oracle.get_best_trials(1)
    values = hyperparameters.tunable(trial.hyperparameters.values)
    best.set_string_custom_property("summary", in_words(values))
    best.set_float_custom_property(tuner.objective, trial.score)
    summary = f"{tuner.objective} {trial.score:.4g}, {_of_how_many(found, histories)}"
    results.set_string_custom_property("summary", summary)


def _in_processes(tuner: Tuner) -> bool:
    """Whether each trial trains in a process of its own, and not in this one."""
    leaves_gpus = os.environ.get(LEAVE_GPUS) and visible_gpus(os.environ)
    return tuner.parallel_trials > 1 or bool(leaves_gpus)


def _trials(at_once: int) -> Trials:
    runners = os.environ.get(RUNNERS)
    return FarTrials(at_once, Path(runners)) if runners else Trials(at_once)


@contextlib.contextmanager
def _begun(suspected: threading.Lock, starts: str) -> Iterator[None]:
    """Counts a start of a trial in the file `starts`.

    Args:
      suspected: of the whole search. Trials that ran together when it was killed go one at a time,
        so that only the one that takes too much memory is lost too often.

    Raises:
      Failure: the search was killed at this trial too often.
    """
    if lost_too_often(starts):
        raise Failure(process_lost(f"the search around it {TOO_OFTEN}")["failure"])
    with suspected if lost(starts) else contextlib.nullcontext(), counted(starts):
        yield


def _of_how_many(found, histories: Sequence[History]) -> str:
    trials = found.oracle.trials.values()
    trained = sum(trial.status == "COMPLETED" for trial in trials)
    words = f"the best of {trained} trial{'s' * (trained > 1)}"
    counts = {
        "stopped early": sum(history.stopped_early for history in histories),
        "of earlier searches": sum(history.reused for history in histories),
        "failed": len(trials) - trained,
    }
    return "; ".join([words, *(f"{count} {what}" for what, count in counts.items() if count)])
