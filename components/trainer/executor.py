"""Trainer's executor: artifacts and parameters in, a SavedModel and its logs out."""

import functools
import json
import os
from collections.abc import Callable
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import path_utils

from components.schema_gen import schema_files
from components.trainer import (
    devices,
    expected_answers,
    hyperparameters,
    saved_model,
    workers,
)
from components.trainer.augmentation import build_augmentation
from components.trainer.checkpoints import Checkpoints
from components.trainer.fingerprint import files_below, fingerprint
from components.trainer.input.features import LABEL, Feature
from components.trainer.input.function import Input, input_function
from components.trainer.input_report.report import InputReport
from components.trainer.model_registry import build_model
from components.trainer.trained import Trained
from components.trainer.training import Training
from components.trainer.training_log import TrainingLog
from components.trainer.training_parameters import (
    ImageParameters,
    InputParameters,
    InputReportParameters,
    TrainingParameters,
    read,
)
from components.trainer.transform_graph import TransformGraph
from failures import Failure
from files import writing
from files.places import files_in


class Executor(base_executor.BaseExecutor):
    """Trains on the split "train", with "validation" to tell the best epoch if there is one."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes the SavedModel and the logs.

        Args:
          input_dict: `transformed_examples`, `transform_graph`, `schema`; `hyperparameters` if
            a Tuner has found some, which win over the parameters.
          output_dict: `model`, `model_run`.
          exec_properties: `image`, `model_parameters`, `training`, `augmentation`,
            `input_parameters`, `input_report` as JSON; `seed`; `checkpoint_dir`.

        Raises:
          Failure: what the user can mend; see `Trainer`.
        """
        examples = artifact_utils.get_single_instance(input_dict["transformed_examples"])
        model_artifact = artifact_utils.get_single_instance(output_dict["model"])
        model_run = artifact_utils.get_single_instance(output_dict["model_run"])

        best = {}
        if input_dict.get("hyperparameters"):
            best = hyperparameters.read_best(
                artifact_utils.get_single_uri(input_dict["hyperparameters"])
            )
            exec_properties = hyperparameters.override(exec_properties, best)
        is_chief = devices.is_chief(os.environ)
        log = TrainingLog(model_run.uri if is_chief else None)
        checkpoints = checkpoints_of(input_dict, exec_properties)
        looking = read(InputReportParameters, exec_properties["input_report"])
        input_report = InputReport(looking) if looking.enabled else None
        trained, graph = train(input_dict, exec_properties, checkpoints, log, input_report)
        if not is_chief:
            return  # The chief writes what all workers of TF_CONFIG have made.
        log.close(
            best_epoch=trained.best_epoch,
            resumed_at_step=trained.resumed_at_step,
            devices=trained.devices,
            input=trained.input,
        )
        if input_report:
            _tell(input_report, model_run, checkpoints)
        module = saved_model.ServingModule(trained.model, graph)
        saved_model.save(module, path_utils.serving_model_dir(model_artifact.uri))
        expected_answers.write(
            os.path.join(model_artifact.uri, expected_answers.FILE),
            trained.model,
            graph.image.shape,
            graph.labels,
            _split_files(examples, "test") or _split_files(examples, "train"),
        )
        checkpoints.remove()
        _describe(trained, model_artifact, model_run)
        if best:
            content = json.dumps(best, indent=2, sort_keys=True) + "\n"
            path = os.path.join(model_run.uri, "hyperparameters.json")
            writing.write(path, content)


def checkpoints_of(
    input_dict: dict[str, list[types.Artifact]], exec_properties: dict[str, Any]
) -> Checkpoints:
    """Where the training of these inputs and parameters goes on from."""
    parameters = read(TrainingParameters, exec_properties["training"])
    return Checkpoints(
        _checkpoint_folder(input_dict, exec_properties),
        parameters.checkpoint_every_steps,
        parameters.checkpoint_every_seconds,
    )


def train(
    input_dict: dict[str, list[types.Artifact]],
    exec_properties: dict[str, Any],
    checkpoints: Checkpoints,
    log: TrainingLog,
    input_report: InputReport | None = None,
) -> tuple[Trained, TransformGraph]:
    """One training, of Trainer itself or of a Tuner's trial, and the graph before its model."""
    parameters = read(TrainingParameters, exec_properties["training"])
    # Before anything is computed: workers can only find each other then.
    chosen = devices.choose(parameters, os.environ)
    devices.prepare(exec_properties["seed"], parameters.deterministic)
    graph = TransformGraph(
        artifact_utils.get_single_uri(input_dict["transform_graph"]),
        schema_files.read(artifact_utils.get_single_uri(input_dict["schema"])),
        read(ImageParameters, exec_properties["image"]),
    )
    examples = artifact_utils.get_single_instance(input_dict["transformed_examples"])
    training = _training(exec_properties, parameters, chosen, graph, examples)
    return training(checkpoints=checkpoints, log=log, input_report=input_report).run(), graph


def _training(
    exec_properties: dict[str, Any],
    parameters: TrainingParameters,
    chosen: devices.Devices,
    graph: TransformGraph,
    examples: types.Artifact,
) -> Callable[..., Training]:
    """All that a Training takes but where it is written to and what is to be told of it."""
    given = read(InputParameters, exec_properties["input_parameters"])
    limit = given.memory_limit_mb
    batches = functools.partial(
        input_function,
        image_shape=graph.image.shape,
        batch_size=parameters.batch_size,
        seed=exec_properties["seed"],
        target=_target(graph.image),
        strategy=given.strategy,
        cache_dir=given.cache_dir or _cache_folder(exec_properties),
        memory_limit_bytes=limit and int(limit * 2**20),
        worker=chosen.worker,
        workers=chosen.workers,
        workers_here=devices.workers_here(os.environ),
    )
    agree = functools.partial(workers.agree, chosen.strategy) if chosen.workers > 1 else None
    build = functools.partial(
        build_model,
        json.loads(exec_properties["model_parameters"]),
        graph.image.shape,
        len(graph.labels),
        graph.pixel_mean,
        graph.pixel_std,
    )
    train_files = _split_files(examples, "train")
    if not train_files:
        raise Failure(
            'Trainer: there are no examples of the split "train". '
            "Check the splits in the configuration's data section."
        )
    validation_files = _split_files(examples, "validation")
    return functools.partial(
        Training,
        parameters,
        build_model=build,
        training_input=functools.partial(batches, train_files, training=True, agree=agree),
        validation=_validation(batches, validation_files, parameters.batch_size, chosen.workers),
        devices=chosen,
        augmentation=build_augmentation(
            json.loads(exec_properties["augmentation"]), exec_properties["seed"]
        ),
    )


def _validation(batches, files: list[str], batch_size: int, worker_count: int) -> Input | None:
    if not files:
        return None
    made = batches(files, training=False)
    size = workers.validation_batch_size(made.examples, batch_size, worker_count)
    return made if size == batch_size else batches(files, training=False, batch_size=size)


def _target(image: ImageParameters) -> Feature:
    if image.task == "classification":
        return LABEL
    return Feature("mask", (image.height, image.width, 1), "uint8")


def _split_files(examples: types.Artifact, split: str) -> list[str]:
    if split not in artifact_utils.decode_split_names(examples.split_names):
        return []
    return files_in(artifact_utils.get_split_uri([examples], split))


def _checkpoint_folder(input_dict, exec_properties: dict[str, Any]) -> str | None:
    """Below `checkpoint_dir`, a folder of these inputs' and parameters' own."""
    if not exec_properties.get("checkpoint_dir"):
        return None
    inputs = ("transformed_examples", "transform_graph")
    files = files_below(artifact_utils.get_single_uri(input_dict[name]) for name in inputs)
    names = ("image", "model_parameters", "training", "augmentation", "seed")
    parameters = {name: exec_properties[name] for name in names}
    # Who waits longer for the workers of a killed training goes on from where it was.
    training = json.loads(parameters["training"])
    training.pop("worker_wait_seconds", None)
    parameters["training"] = json.dumps(training, sort_keys=True)
    return os.path.join(exec_properties["checkpoint_dir"], fingerprint(files, parameters))


def _cache_folder(exec_properties: dict[str, Any]) -> str | None:
    """Beside the checkpoints, where these lie on a local disk."""
    checkpoints = exec_properties.get("checkpoint_dir")
    if not checkpoints or "://" in checkpoints:
        return None
    return os.path.join(os.path.dirname(checkpoints), "input_cache")


def _tell(report: InputReport, model_run: types.Artifact, checkpoints: Checkpoints) -> None:
    report.write(model_run.uri)
    if report.content:
        model_run.set_string_custom_property("input_report", report.content["line"])
        model_run.set_string_custom_property("input_advice", report.content["advice"] or "")
    try:
        report.enforce()
    except Failure:
        checkpoints.remove()  # Or the next run would only do what is left, and see nothing.
        raise


def _describe(trained: Trained, model: types.Artifact, model_run: types.Artifact) -> None:
    best = trained.best
    epochs = len(trained.history)
    accuracy, split = best.validation_accuracy, "validation"
    if accuracy is None:
        accuracy, split = best.accuracy, "training"
    segmentation = len(trained.model.output_shape) == 4
    told = f"{split} {'pixel ' * segmentation}accuracy {accuracy:.3f}"
    if best.validation_mean_iou is not None:
        told += f", mean IoU {best.validation_mean_iou:.3f}"
        model.set_float_custom_property("mean_iou", best.validation_mean_iou)
    trained_for = f"{epochs} epoch{'s' * (epochs > 1)}"
    model.set_string_custom_property("summary", f"{told} in {trained_for}")
    model.set_string_custom_property("split", split)
    model.set_float_custom_property("accuracy", accuracy)
    model.set_int_custom_property("parameters", trained.model.count_params())
    notes = [f"{trained_for}, the best one was epoch {trained.best_epoch}"]
    if trained.devices != devices.PLAIN:
        notes.append(f"on {trained.devices}")
    model_run.set_string_custom_property("devices", trained.devices)
    model_run.set_string_custom_property("input", trained.input)
    if trained.resumed_at_step:
        notes.append(f"resumed at step {trained.resumed_at_step}")
    if best.validation_left_out and not segmentation:
        notes.append(f"{best.validation_left_out} validation examples of unknown labels left out")
    model_run.set_string_custom_property("summary", ", ".join(notes))
