"""Tuner's executor: transformed Examples and a search space in, the best values found out."""

import dataclasses
import json
import os
import tempfile
from typing import Any

import keras
import tensorflow as tf
from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils

from components.trainer import devices, hyperparameters
from components.trainer.executor import checkpoints_of, train
from components.trainer.fingerprint import files_below, fingerprint
from components.trainer.training_log import TrainingLog
from components.trainer.training_parameters import made_of
from components.tuner.reading import TRIALS
from components.tuner.search_space import weights_tried, with_fractions
from components.tuner.tuner_parameters import TunerParameters
from failures import Failure
from files import places, writing

_ABOUT = ("image", "model_parameters", "training", "augmentation", "tuner", "seed")


class Executor(base_executor.BaseExecutor):
    """Tries values with Trainer's own training, on the splits "train" and "validation"."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes what TFX's own Tuner writes.

        Args:
          input_dict: `transformed_examples`, `transform_graph`, `schema`.
          output_dict: `best_hyperparameters`, `tuner_results`.
          exec_properties: Trainer's, and `tuner` as JSON.

        Raises:
          Failure: no validation split, several workers, or no trial could be trained.
        """
        workers = devices.worker_count(os.environ)
        if workers > 1:
            # TensorFlow can join its workers once in a process, and every trial is a training.
            raise Failure(
                f"Tuner: TF_CONFIG names {workers} workers, and a search is done by one process. "
                "Unset TF_CONFIG for the Tuner; the Trainer may keep it."
            )
        # KerasTuner, and TFX's Tuner that brings all components, load where a search is done.
        from tfx.components.tuner.executor import write_best_hyperparameters

        from components.tuner.search import search, told

        parameters = made_of(TunerParameters, json.loads(exec_properties["tuner"]))
        model = json.loads(exec_properties["model_parameters"]).get("name")
        space = with_fractions(parameters.search_space, model)
        parameters = dataclasses.replace(parameters, search_space=space)
        examples = artifact_utils.get_single_instance(input_dict["transformed_examples"])
        best = artifact_utils.get_single_instance(output_dict["best_hyperparameters"])
        results = artifact_utils.get_single_instance(output_dict["tuner_results"])
        if "validation" not in artifact_utils.decode_split_names(examples.split_names):
            raise Failure(
                "Tuner: there is no validation split to compare trials by. "
                "Set data.splits.validation."
            )

        # With the state: of a search that went on after a kill the results have all logs.
        folder = _state_folder(input_dict, exec_properties)
        logs = os.path.join(folder, "trials")

        def try_values(trial: str, values: dict[str, Any], epochs: int) -> float:
            given = hyperparameters.override(exec_properties, {**values, "training.epochs": epochs})
            log_folder = os.path.join(logs, trial)
            writing.remove(log_folder)  # That of this trial before a kill.
            log = TrainingLog(log_folder)
            checkpoints = checkpoints_of(input_dict, given)
            try:
                trained, _ = train(input_dict, given, checkpoints, log)
            except (Failure, tf.errors.ResourceExhaustedError):
                checkpoints.remove()  # Nothing goes on from here.
                raise
            finally:
                keras.utils.clear_session()  # The next trial's model needs this one's memory.
            log.close(best_epoch=trained.best_epoch, hyperparameters=values)
            checkpoints.remove()
            reached = getattr(trained.best, parameters.objective)
            if reached is None:
                raise Failure(
                    f"Tuner: the best epoch has no {parameters.objective}: no label of the "
                    "validation split is known, or the loss is no finite number. Check the "
                    "splits, and lower training.learning_rate."
                )
            return reached

        tuner = search(parameters, folder, try_values, exec_properties["seed"])
        write_best_hyperparameters(tuner, output_dict)
        writing.copy_files(logs, os.path.join(results.uri, TRIALS), places.files_below(logs))
        writing.remove(folder)
        [trial] = tuner.oracle.get_best_trials(1)
        values = hyperparameters.tunable(trial.hyperparameters.values)
        best.set_string_custom_property("summary", told(values))
        best.set_float_custom_property(parameters.objective, trial.score)
        results.set_string_custom_property(
            "summary", f"{parameters.objective} {trial.score:.4g}, {_of_how_many(tuner)}"
        )


def _of_how_many(tuner) -> str:
    trials = tuner.oracle.trials.values()
    trained = sum(trial.status == "COMPLETED" for trial in trials)
    told = f"the best of {trained} trial{'s' * (trained > 1)}"
    failed = len(trials) - trained
    return f"{told}; {failed} more could not be trained with" if failed else told


def _state_folder(input_dict, exec_properties: dict[str, Any]) -> str:
    """Below `checkpoint_dir`, a folder of these inputs' and parameters' own."""
    if not exec_properties.get("checkpoint_dir"):
        return tempfile.mkdtemp()
    inputs = ("transformed_examples", "transform_graph")
    files = files_below(artifact_utils.get_single_uri(input_dict[name]) for name in inputs)
    about = {name: exec_properties[name] for name in _ABOUT}
    weights = weights_tried(json.loads(exec_properties["tuner"])["search_space"])
    name = fingerprint(files, {**about, "weights_tried": weights})
    return os.path.join(exec_properties["checkpoint_dir"], f"tuner-{name}")
