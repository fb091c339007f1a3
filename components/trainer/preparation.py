"""Puts a training together: devices, batches, model, checkpoint; free of TFX and Transform."""

import dataclasses
import functools
import time
from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

from components.trainer import training_faults, workers
from components.trainer.augmentation import Augmenter
from components.trainer.checkpoints import Checkpoint, Checkpoints
from components.trainer.devices import Devices, distributed
from components.trainer.input.function import Input
from components.trainer.input.options import FeedOptions
from components.trainer.input.threads import giving_way
from components.trainer.input_plan import model_step
from components.trainer.input_plan.planner import Planner
from components.trainer.input_report.report import InputReport
from components.trainer.mixing import Mixer
from components.trainer.optimizer import build_optimizer
from components.trainer.training import TrainingLoop
from components.trainer.training_log import TrainingLog
from components.trainer.training_step import Steps
from failures import Failure
from settings.training import Training


def prepare(
    training: Training,
    build_model: Callable[[], keras.Model],
    training_input: Callable[..., Input],
    options: FeedOptions,
    validation: Input | None,
    checkpoints: Checkpoints,
    log: TrainingLog,
    devices: Devices | None = None,
    augmenter: Augmenter | None = None,
    input_report: InputReport | None = None,
    class_weights: Sequence[float] | None = None,
    mixer: Mixer | None = None,
    task: str = "classification",
    begin: Callable[[keras.Model], None] | None = None,
) -> TrainingLoop:
    """A training that is ready to run, from its checkpoint if there is one.

    Args:
      build_model: makes the model; called inside the strategy's scope, and once more after the
        training where that was not in float32 on one device.
      training_input: makes the training's input, given `options`.
      options: how it is fed, but for `first_step` and `timed`.
      validation: None: the training loss decides which epoch is best.
      devices: by default TensorFlow's one device, in float32.
      class_weights: what the examples of each class weigh, by class id; None: all 1.
      task: what the model answers, as `Features.task` names it.
      begin: gives the model its first weights; None for those that it was built with.

    Raises:
      Failure: the input cannot be read, the model does not fit into memory, or the workers have
        different checkpoints or precisions.
    """
    devices = devices or Devices(tf.distribute.get_strategy())
    _check_parts(training, devices.strategy.num_replicas_in_sync)
    saved = checkpoints.read()
    first_step = saved.step if saved else 0
    if devices.workers > 1:
        workers.check_same_step(devices.strategy, first_step)
        workers.check_same_precision(devices.strategy, devices.precision)
    # With determinism, noting the times, which depend on more than the inputs, would load one
    # batch at a time; and no worker of several sees the others' loading.
    timed = bool(input_report) and devices.workers == 1 and not training.deterministic

    @functools.cache  # What the plan compiled serves the training.
    def steps_of(steps_per_epoch: int) -> Steps:
        with (
            training_faults.weights_reported(),
            devices.strategy.scope(),
            devices.policy(),
        ):
            model = build_model()
            if begin:
                begin(model)
            return Steps(
                model,
                build_optimizer(training, steps_per_epoch, devices.precision),
                training,
                devices.strategy,
                augmenter,
                devices.xla,
                class_weights,
                mixer,
                task,
            )

    planner = _planner(training, options, checkpoints, saved, devices, steps_of)
    began = time.perf_counter()
    options = dataclasses.replace(options, first_step=first_step, timed=timed, plan=planner)
    batches = training_input(options=options)
    if input_report:
        input_report.load_seconds = time.perf_counter() - began - planner.seconds
        input_report.predicted = planner.plan
        input_report.times.watch(batches.load_times, first_step)
    steps = steps_of(batches.steps_per_epoch)
    loop = TrainingLoop(
        training, steps, build_model, batches, validation, checkpoints, log, devices, input_report
    )
    if saved:
        with training_faults.weights_reported():
            loop.restore(saved)
    return loop


def _check_parts(training: Training, devices: int) -> None:
    """Each device splits its share of the batch into this many parts, none of them empty."""
    most = training.batch_size // devices
    if training.gradient_accumulation > max(1, most):
        raise Failure(
            f"Trainer: training.gradient_accumulation: given {training.gradient_accumulation} for "
            f"batch_size {training.batch_size} on {devices} devices; allowed: at most {most}"
        )


def _planner(
    training: Training,
    options: FeedOptions,
    checkpoints: Checkpoints,
    saved: Checkpoint | None,
    devices: Devices,
    steps_of: Callable[[int], Steps],
) -> Planner:
    def step(steps_per_epoch: int, batch: tuple, seconds: float):
        steps = steps_of(steps_per_epoch)
        at_once = min(training.steps_per_execution, steps_per_epoch)
        with (
            workers.loss_reported(devices.workers),
            training_faults.step_reported(training.batch_size),
        ):
            return model_step.measure(steps, batch, devices, at_once, training.batch_size, seconds)

    def deliver(dataset: tf.data.Dataset):
        batches = distributed(dataset, devices)
        return giving_way(batches) if devices.accelerated else batches

    together = {}
    if devices.workers > 1:
        together["of_all"] = functools.partial(workers.of_all, devices.strategy)
    return Planner(
        training,
        options,
        step,
        checkpoints,
        saved.state["input"] if saved else None,
        deliver=deliver,
        **together,
    )
