"""Puts a training together: devices, batches, model, checkpoint; free of TFX and Transform."""

import dataclasses
import time
from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

from components.trainer import workers
from components.trainer.augmentation import Augmenter
from components.trainer.checkpoints import Checkpoints
from components.trainer.devices import Devices
from components.trainer.input.function import Input
from components.trainer.input.options import FeedOptions
from components.trainer.input_report.report import InputReport
from components.trainer.optimizer import build_optimizer
from components.trainer.training import TrainingLoop
from components.trainer.training_log import TrainingLog
from components.trainer.training_step import Steps
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
) -> TrainingLoop:
    """A training that is ready to run, from its checkpoint if there is one.

    Args:
      build_model: makes the model; called inside the strategy's scope.
      training_input: makes the training's input, given `options`.
      options: how it is fed, but for `first_step` and `timed`.
      validation: None: the training loss decides which epoch is best.
      devices: by default TensorFlow's one device, in float32.
      class_weights: what the examples of each class weigh, by class id; None: all 1.

    Raises:
      Failure: the input cannot be read, or the workers have different checkpoints.
    """
    devices = devices or Devices(tf.distribute.get_strategy())
    saved = checkpoints.read()
    first_step = saved.step if saved else 0
    if devices.workers > 1:
        workers.check_same_step(devices.strategy, first_step)
    # With determinism, noting the times, which depend on more than the inputs, would load one
    # batch at a time; and no worker of several sees the others' loading.
    timed = bool(input_report) and devices.workers == 1 and not training.deterministic
    began = time.perf_counter()
    options = dataclasses.replace(options, first_step=first_step, timed=timed)
    batches = training_input(options=options)
    if input_report:
        input_report.load_seconds = time.perf_counter() - began
        input_report.times.watch(batches.load_times, first_step)
    with devices.strategy.scope(), devices.policy():
        steps = Steps(
            build_model(),
            build_optimizer(training, batches.steps_per_epoch, devices.precision),
            training,
            devices.strategy,
            augmenter,
            devices.xla,
            class_weights,
        )
    loop = TrainingLoop(
        training, steps, build_model, batches, validation, checkpoints, log, devices, input_report
    )
    if saved:
        loop.restore(saved)
    return loop
