"""The training loop: from batches to the best weights, and on from where a kill stopped it.

A loop of our own and not `Model.fit`: Keras 3's `fit` fails under
MultiWorkerMirroredStrategy, cannot stop and go on in the middle of an epoch, and hides the
call that waits for data, which is the number that this project is about.
"""

import dataclasses
import math
import time
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from components.trainer import training_faults, workers
from components.trainer.augmentation import Augmentation
from components.trainer.checkpoints import Checkpoint, Checkpoints
from components.trainer.devices import Devices
from components.trainer.distribution import distributed
from components.trainer.early_stopping import EarlyStopping
from components.trainer.history import Epoch
from components.trainer.input.function import Input
from components.trainer.input.threads import giving_way
from components.trainer.input_report import ceiling
from components.trainer.input_report.report import InputReport
from components.trainer.progress import Progress
from components.trainer.tallies import Totals
from components.trainer.trained import Trained
from components.trainer.training_log import TrainingLog
from components.trainer.training_parameters import TrainingParameters
from components.trainer.training_step import Steps, build_optimizer
from failures import Failure


class Training:
    """One training, resumed where a checkpoint says so.

    Args:
      parameters: how long and how fast.
      build_model: makes the model; called inside the strategy's scope.
      training_input: makes the training's input; `first_step` is how many batches to pass over,
        `timed` whether to note when each is loaded.
      validation: the validation's input; None: the training loss says which epoch is best.
      checkpoints: to go on from, and to write.
      log: where the epochs are written.
      devices: what to compute on; by default TensorFlow's one device, in float32.
      augmentation: changes the training images; None changes nothing.
      input_report: is told how long each step waited for data; None: nothing is measured.
    """

    def __init__(
        self,
        parameters: TrainingParameters,
        build_model: Callable[[], keras.Model],
        training_input: Callable[..., Input],
        validation: Input | None,
        checkpoints: Checkpoints,
        log: TrainingLog,
        devices: Devices | None = None,
        augmentation: Augmentation | None = None,
        input_report: InputReport | None = None,
    ):
        self._devices = devices = devices or Devices(tf.distribute.get_strategy())
        self._build_model = build_model
        strategy = devices.strategy
        self._replicas = strategy.num_replicas_in_sync
        saved = checkpoints.read()
        if devices.workers > 1:
            workers.check_same_step(strategy, saved.step if saved else 0)
        began = time.perf_counter()
        first_step = saved.step if saved else 0
        # Determinism would have what notes the times, which is no function of its inputs, load
        # one batch at a time; of several workers none sees the others' loading.
        timed = bool(input_report) and devices.workers == 1 and not parameters.deterministic
        self._input = training_input(first_step=first_step, timed=timed)
        self._input_report = input_report
        if input_report:
            input_report.load_seconds = time.perf_counter() - began
            input_report.times.watch(self._input.load_times, first_step)
        self._validation = validation
        self._checkpoints = checkpoints
        self._log = log
        self._progress = Progress()
        self._epochs = parameters.epochs
        self._step = self._resumed_at_step = 0
        self._stopping = EarlyStopping(parameters.early_stopping_patience)
        self._seconds = self._waited = 0.0
        self._batch_size = parameters.batch_size
        with strategy.scope(), devices.policy():
            self._steps = Steps(
                build_model(),
                build_optimizer(parameters, self._input.steps_per_epoch, devices.precision),
                parameters.batch_size,
                strategy,
                augmentation,
                devices.xla,
            )
        if saved:
            self._restore(saved)
        self._batches = distributed(self._input.dataset, devices)
        self._at_once = min(parameters.steps_per_execution, self._input.steps_per_epoch)
        # An epoch's last steps, fewer than are done at once, are done one by one.
        self._train = {
            steps: self._steps.compile_training(self._batches.element_spec, steps)
            for steps in {1, self._at_once}
        }
        if validation:
            self._validation_batches = distributed(validation.dataset, devices)
            self._validation_step = self._steps.compile_validation(
                self._validation_batches.element_spec
            )

    def run(self) -> Trained:
        """Trains to the last epoch, or until the validation gets no better.

        Raises:
          Failure: the loss is no finite number, or a label is no class.
        """
        self._progress.tell(f"input: {self._input.reason}", self._step / self._last_step)
        with (
            workers.lost_worker_told(self._devices.workers),
            training_faults.small_memory_told(self._batch_size),
        ):
            self._run()
            if self._input_report:
                # The weights that it changes are put back below.
                self._input_report.finish(
                    self._input, self._batch_size, self._ceiling, self._devices.workers == 1
                )
        return Trained(
            model=self._best_model(),
            history=self._log.epochs,
            best_epoch=self._stopping.best_epoch,
            resumed_at_step=self._resumed_at_step,
            devices=str(self._devices),
            input=self._input.reason,
        )

    def _run(self) -> None:
        batches = giving_way(self._batches) if self._devices.accelerated else self._batches
        batches = training_faults.readable(batches, self._input, self._devices.workers)
        while self._step < self._last_step and not self._stopping.stopped:
            steps = self._next_steps()
            asked = time.perf_counter()
            fetched = [next(batches) for _ in range(steps)]
            arrived = time.perf_counter()
            self._train[steps](fetched)
            done = time.perf_counter()
            self._last_batch = fetched[-1]
            self._step += steps
            self._waited += arrived - asked
            self._seconds += done - asked
            if self._input_report:
                self._input_report.times.add(self._step, steps, asked, arrived, done)
            epoch_ended = self._step % self._input.steps_per_epoch == 0
            if epoch_ended:
                self._end_epoch()
            elif self._devices.workers == 1 and self._progress.due():
                self._report(self._totals())
            if self._checkpoint_due(steps, epoch_ended):
                self._write_checkpoint()

    def _stop_clock(self) -> None:
        """What follows is no training; the devices have done all that they were told to."""
        if self._input_report:
            self._input_report.times.stop(time.perf_counter())

    def _ceiling(self, calls: int) -> ceiling.Ceiling:
        train, at_once = self._train[self._at_once], self._at_once
        wait = self._steps.training.totals
        return ceiling.measure(self._last_batch, train, self._devices, at_once, calls, wait)

    def _next_steps(self) -> int:
        left = self._input.steps_per_epoch - self._step % self._input.steps_per_epoch
        return self._at_once if left >= self._at_once else 1

    def _checkpoint_due(self, steps: int, epoch_ended: bool) -> bool:
        # Workers read their variables together: each must come to it at the same step, which
        # their clocks would not tell.
        if self._devices.workers > 1:
            by_steps = self._checkpoints.due_by_steps(self._step, steps)
            return self._checkpoints.kept and (epoch_ended or by_steps)
        return self._checkpoints.due(self._step, steps)

    def _write_checkpoint(self) -> None:
        checkpoint = self._checkpoint()
        if self._devices.worker == 0:
            self._checkpoints.write(checkpoint)

    def _best_model(self) -> keras.Model:
        """In float32 and on one device, whatever it was trained on."""
        model = self._steps.model if self._devices.is_plain else self._build_model()
        self._assign(model.variables, self._stopping.best_weights)
        return model

    @property
    def _last_step(self) -> int:
        return self._epochs * self._input.steps_per_epoch

    @property
    def _epoch(self) -> int:
        """The epoch of the step that was done last, from 1."""
        return max(0, self._step - 1) // self._input.steps_per_epoch + 1

    def _end_epoch(self) -> None:
        training = self._totals()
        self._stop_clock()
        weights = [variable.numpy() for variable in self._steps.model.variables]
        if not all(np.isfinite(weight).all() for weight in weights):
            raise training_faults.diverged(
                f"some weights are no finite numbers after step {self._step}"
            )
        if not training.counted:
            raise Failure(
                "Trainer: no label of the training split is in the vocabulary of the transform "
                "graph. Run Transform on this very split."
            )
        validation = self._validate() if self._validation else None
        known = validation if validation and validation.counted else None
        self._log.add(
            Epoch(
                epoch=self._epoch,
                loss=training.mean_loss,
                accuracy=training.accuracy,
                validation_loss=known.finite_loss if known else None,
                validation_accuracy=known.accuracy if known else None,
                validation_left_out=int(validation.left_out) if validation else None,
                learning_rate=float(self._steps.optimizer.learning_rate),
                seconds=self._seconds,
                fetch_seconds=self._waited,
                validation_mean_iou=self._steps.validation.mean_iou() if validation else None,
            )
        )
        self._stopping.update((known or training).mean_loss, self._epoch, weights)
        self._report(training)
        self._steps.training.clear()
        self._seconds = self._waited = 0.0

    def _validate(self) -> Totals:
        self._steps.validation.clear()
        batches, count = self._validation_batches, self._devices.workers
        for batch in training_faults.readable(batches, self._validation, count):
            self._validation_step([batch])
        totals = self._steps.validation.totals()
        training_faults.refuse_misfits(totals, self._steps.classes, "validation")
        return totals

    def _totals(self) -> Totals:
        began = time.perf_counter()
        totals = self._steps.training.totals()
        self._seconds += time.perf_counter() - began  # A call returns before a GPU is done.
        training_faults.refuse_misfits(totals, self._steps.classes, "train")
        if totals.broken_steps:
            # From the first broken step on the weights are no numbers either.
            first = self._step - math.ceil(totals.broken_steps / self._replicas) + 1
            raise training_faults.diverged(f"the loss is no finite number since step {first}")
        return totals

    def _report(self, totals: Totals) -> None:
        self._progress.tell(
            f"epoch {self._epoch} of {self._epochs}, "
            f"loss {totals.mean_loss:.3f}, accuracy {totals.accuracy:.3f}",
            completed=self._step / self._last_step,
        )

    def _checkpoint(self) -> Checkpoint:
        self._totals()  # Weights that are no numbers are nothing to go on from.
        self._stop_clock()
        stopping = dataclasses.asdict(self._stopping)
        del stopping["best_weights"], stopping["patience"]
        return Checkpoint(
            step=self._step,
            state={
                "stopping": stopping,
                "epochs": [dataclasses.asdict(epoch) for epoch in self._log.epochs],
                "seconds": self._seconds,
                "waited": self._waited,
                "precision": self._devices.precision,
                "input": self._input.strategy,
            },
            variables=[variable.numpy() for variable in self._steps.variables],
            best_weights=self._stopping.best_weights,
        )

    def _restore(self, saved: Checkpoint) -> None:
        self._step = self._resumed_at_step = saved.step
        same_precision = saved.state["precision"] == self._devices.precision
        self._assign(self._steps.variables, saved.variables, strict=same_precision)
        training_faults.tell_what_changed(saved, self._devices.precision, self._input.strategy)
        for name, value in saved.state["stopping"].items():
            setattr(self._stopping, name, value)
        self._stopping.best_weights = saved.best_weights
        self._seconds, self._waited = saved.state["seconds"], saved.state["waited"]
        for epoch in saved.state["epochs"]:
            self._log.add(Epoch(**epoch))

    def _assign(self, variables, values, strict: bool = True) -> None:
        for variable, value in zip(variables, values, strict=strict):
            variable.assign(value)
