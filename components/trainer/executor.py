"""Runs Trainer: trains, then writes the SavedModel and what is known of the training."""

import os
from types import ModuleType
from typing import Any

import keras
import numpy as np
from tfx import types
from tfx.utils import path_utils

from components.tasks.training import training_of
from components.trainer import devices, expected_answers, network_file, saved_model, workers
from components.trainer.calibration import calibrate
from components.trainer.checkpoints import Checkpoints
from components.trainer.cluster import place
from components.trainer.history import THRESHOLDS_FILE
from components.trainer.input_report.report import InputReport
from components.trainer.temperature import Calibration
from components.trainer.train import train, validation_once
from components.trainer.trained import Trained
from components.trainer.training_job import TrainingJob
from components.trainer.training_log import TrainingLog
from components.trainer.transform_graph import TransformGraph
from failures import Failure
from files import writing
from files.strict_json import text_of


def execute(
    job: TrainingJob, best: dict[str, Any], model: types.Artifact, model_run: types.Artifact
) -> None:
    """Trains on the split "train"; "validation", if there is one, decides the best epoch.

    Args:
      best: a Tuner's hyperparameters by configuration key, which win over the job's.
      model: gets the SavedModel below `Format-Serving/`, the expected answers and, for a
        calibrated classifier, its temperature.
      model_run: gets TensorBoard's logs, `history.json` and the input report.

    Raises:
      Failure: what the user can fix.
    """
    job = job.varied(best)
    is_chief = place(os.environ).number == 0
    log = TrainingLog(model_run.uri if is_chief else None)
    checkpoints = job.checkpoints
    if is_chief:
        checkpoints.remove_abandoned()
    reporting = job.recipe.training.input_report
    input_report = InputReport(reporting) if reporting.enabled else None
    trained, graph = train(job, checkpoints, log, input_report)
    if not is_chief:
        # The chief writes what all workers have made, and cannot do so again without the others.
        workers.wait_for_all(trained.devices.strategy)
        return
    log.close(
        best_epoch=trained.best_epoch,
        resumed_at_step=trained.resumed_at_step,
        devices=str(trained.devices),
        input=trained.input,
        monitor=job.recipe.training.monitor,
        classes=[
            {"name": name, **sums._asdict()}
            for name, sums in zip(graph.labels, trained.class_sums, strict=True)
        ],
    )
    if input_report:
        _write_report(input_report, model_run, checkpoints)
    calibration = _export(trained, job, graph, model, model_run)
    part = training_of(job.features.task)
    _describe_model(trained, part, model)
    _describe_run(trained, calibration, part, model_run)
    if best:
        content = text_of(best, indent=2, sort_keys=True) + "\n"
        writing.write(os.path.join(model_run.uri, "hyperparameters.json"), content)
    if trained.devices.workers > 1:
        workers.wait_for_all(trained.devices.strategy)
    checkpoints.finish()  # Last: whatever fails before it costs no training.


def _export(
    trained: Trained,
    job: TrainingJob,
    graph: TransformGraph,
    model: types.Artifact,
    model_run: types.Artifact,
) -> Calibration | None:
    """Writes the model, with what is fitted and chosen after the training."""
    part = training_of(job.features.task)
    network, calibration = _calibrated(trained, job, graph)
    chosen, assets = None, []
    if hasattr(part, "choose"):
        files = job.split_files("validation")
        at_once = _images_at_once(trained, job)
        chosen = part.choose(network, graph.image_shape, len(graph.labels), files, at_once)
        assets.append(_write_thresholds(model_run, graph.labels, chosen))
    module = saved_model.ServingModule(network, graph, chosen, assets)
    folder = path_utils.serving_model_dir(model.uri)
    saved_model.save(module, folder)
    network_file.write(folder, trained.model, graph.labels)
    if calibration:
        calibration.write(model.uri)
    answered = next(split for split in ("test", "train") if job.split_files(split))
    expected_answers.write(
        os.path.join(model.uri, expected_answers.FILE),
        network,
        graph.image_shape,
        graph.labels,
        job.features.task,
        job.split_files(answered),
        chosen,
        answered,
    )
    return calibration


def _images_at_once(trained: Trained, job: TrainingJob) -> int:
    """How many images a device had in memory in the training."""
    devices = trained.devices.strategy.num_replicas_in_sync
    return max(1, job.recipe.training.images_at_once // devices)


def _calibrated(
    trained: Trained, job: TrainingJob, graph: TransformGraph
) -> tuple[keras.Model, Calibration | None]:
    validation, part = None, training_of(job.features.task)
    if job.recipe.training.calibration == "temperature" and hasattr(part, "choices"):
        validation = validation_once(job, graph, _images_at_once(trained, job))
    if validation is None:
        return trained.model, None
    return calibrate(trained.model, validation, part.choices)


def _write_thresholds(model_run: types.Artifact, labels: list[str], chosen: np.ndarray) -> str:
    """The path of the file."""
    file = os.path.join(model_run.uri, THRESHOLDS_FILE)
    content = text_of(dict(zip(labels, chosen.tolist(), strict=True)), indent=2) + "\n"
    writing.write(file, content)
    return file


def _write_report(report: InputReport, model_run: types.Artifact, checkpoints: Checkpoints) -> None:
    report.write(model_run.uri)
    if report.content:
        model_run.set_string_custom_property("input_report", report.content["line"])
        model_run.set_string_custom_property("input_advice", report.content["advice"] or "")
    try:
        report.enforce()
    except Failure:
        # Otherwise the next run would do only the remaining steps, and find nothing. Where this one
        # did just that, all the training before it would be lost for what it found.
        if not report.content["wait"]["rest_of_epoch"]:
            checkpoints.remove()
        raise


def _describe_model(trained: Trained, part: ModuleType, model: types.Artifact) -> None:
    best = trained.best
    accuracy, split = best.validation_accuracy, "validation"
    if accuracy is None:
        accuracy, split = best.accuracy, "training"
    reached = f"{split} {part.ACCURACY} {accuracy:.3f}"
    if best.validation_mean_iou is not None:
        reached += f", mean IoU {best.validation_mean_iou:.3f}"
        model.set_float_custom_property("mean_iou", best.validation_mean_iou)
    model.set_string_custom_property("summary", f"{reached} in {trained.epochs}")
    model.set_string_custom_property("split", split)
    model.set_float_custom_property("accuracy", accuracy)
    model.set_int_custom_property("parameters", trained.model.count_params())
    if trained.first_weights:
        model.set_string_custom_property("first_weights", trained.first_weights.place)
        fingerprint = trained.first_weights.fingerprint
        model.set_string_custom_property("first_weights_sha256", fingerprint)


def _describe_run(
    trained: Trained, calibration: Calibration | None, part: ModuleType, model_run: types.Artifact
) -> None:
    notes = [f"{trained.epochs}, the best one was epoch {trained.best_epoch}"]
    if trained.first_weights:
        notes.append(f"began with the weights of {trained.first_weights.place}")
    if str(trained.devices) != devices.PLAIN:
        notes.append(f"on {trained.devices}")
    if trained.resumed_at_step:
        notes.append(f"resumed at step {trained.resumed_at_step}")
    if calibration:
        notes.append(f"temperature {calibration.temperature:.3g}")
    left_out = trained.best.validation_left_out
    if left_out and not part.ARE_PICTURES:  # Pixels of no class are nothing to warn of.
        notes.append(f"{left_out} validation examples of unknown labels left out")
    model_run.set_string_custom_property("summary", ", ".join(notes))
    model_run.set_string_custom_property("devices", str(trained.devices))
    model_run.set_string_custom_property("input", trained.input)
