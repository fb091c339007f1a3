"""The training loop: from batches to the best weights, and on from where a kill stopped it.

It does not use `Model.fit`: Keras 3's `fit` fails under MultiWorkerMirroredStrategy, cannot stop
and resume in the middle of an epoch, and hides the call that waits for data, which is the number
that this project is about.
"""

import dataclasses
import math
import time
from collections.abc import Callable

import keras

from components.trainer import first_weights, training_faults, workers
from components.trainer.checkpoints import Checkpoint, Checkpoints, crossed
from components.trainer.devices import Devices, distributed
from components.trainer.early_stopping import EarlyStopping
from components.trainer.history import Epoch
from components.trainer.input.function import Input
from components.trainer.input.threads import giving_way
from components.trainer.input_report.ceiling import Ceiling, Plan, measure
from components.trainer.input_report.report import InputReport
from components.trainer.optimizer import rate_of_last_step
from components.trainer.tallies import Totals
from components.trainer.trained import Trained
from components.trainer.training_log import Progress, TrainingLog
from components.trainer.training_step import Steps
from metrics import catalog
from settings.training import Training

_ASK_STEPS = 50  # after which several workers ask whether it is time for a checkpoint


@dataclasses.dataclass
class TrainingLoop:
    """One training; `preparation.prepare` puts it together and describes what is not named here."""

    training: Training
    steps: Steps  # the model, its optimizer and the steps to compile
    build_model: Callable[[], keras.Model]  # once more, for the final weights
    input: Input  # of the training, at the step to begin with
    validation: Input | None
    checkpoints: Checkpoints
    log: TrainingLog
    devices: Devices
    input_report: InputReport | None = None

    def __post_init__(self):
        self._progress = Progress(self.devices.accelerated)
        self._taken = set()  # the compiled steps that have run
        higher = catalog.higher_is_better(self.training.monitor)
        self._stopping = EarlyStopping(self.training.early_stopping_patience, higher)
        self._step = self._resumed_at_step = 0
        self._seconds = self._waited = 0.0
        self._at_once = min(self.training.steps_per_execution, self.input.steps_per_epoch)

    def restore(self, saved: Checkpoint) -> None:
        """Takes over the state of a checkpoint."""
        self._step = self._resumed_at_step = saved.step
        same_precision = saved.state["precision"] == self.devices.precision
        _assign(self.steps.variables, saved.variables, strict=same_precision)
        training_faults.warn_of_changes(saved, self.devices.precision, self.input.order)
        for name, value in saved.state["stopping"].items():
            setattr(self._stopping, name, value)
        self._stopping.best_weights = saved.best_weights
        self._seconds, self._waited = saved.state["seconds"], saved.state["waited"]
        for epoch in saved.state["epochs"]:
            self.log.add(Epoch(**epoch))

    def run(self) -> Trained:
        """Trains to the last epoch, or until the validation stops improving.

        Raises:
          Failure: the loss or a weight is not a finite number, a label is not a class, or the
            input cannot be read.
        """
        self._compile()
        self._progress.report(f"input: {self.input.reason}", self._step / self._last_step)
        with (
            workers.loss_reported(self.devices.workers),
            training_faults.step_reported(self.training.batch_size),
            workers.Watch(self.devices.workers) as self._watch,
        ):
            self._run()
            self._watch.pause()
            class_sums = self.steps.training.class_sums()
            if self.input_report:
                # It changes the weights; the best ones replace them below.
                alone = self.devices.workers == 1
                self.input_report.finish(self.input, self.training.batch_size, self._ceiling, alone)
        return Trained(
            model=self._best_model(),
            history=self.log.epochs,
            best_epoch=self._stopping.best_epoch,
            resumed_at_step=self._resumed_at_step,
            devices=self.devices,
            input=self.input.reason,
            class_sums=class_sums,
        )

    def _compile(self) -> None:
        self._batches = distributed(self.input.dataset, self.devices)
        self._choose_steps()
        if self.validation:
            self._validation_batches = distributed(self.validation.dataset, self.devices)
            self._validation_step = self.steps.compile_validation(
                self._validation_batches.element_spec
            )

    def _choose_steps(self) -> None:
        """What the steps of the epoch that begins, or goes on, are compiled to."""
        frozen = self.steps.freezing.holds(self._step // self.input.steps_per_epoch)
        # The last steps of an epoch, too few to be taken at once, are taken one by one.
        self._train = {
            steps: self.steps.compile_training(self._batches.element_spec, steps, frozen)
            for steps in {1, self._at_once}
        }

    def _run(self) -> None:
        batches = giving_way(self._batches) if self.devices.accelerated else self._batches
        batches = self._fed = training_faults.readable(batches, self.input, self.devices.workers)
        while self._step < self._last_step and not self._stopping.stopped:
            steps = self._next_steps()
            train, compiled = self._function_of(steps)
            asked = time.perf_counter()
            fetched = [next(batches) for _ in range(steps)]
            arrived = time.perf_counter()
            train(fetched)
            self._watch.progress()
            done = time.perf_counter()
            self._last_batch = fetched[-1]
            self._step += steps
            self._waited += arrived - asked
            self._seconds += done - asked
            if self.input_report:
                self.input_report.times.add(self._step, steps, asked, arrived, done, compiled)
            epoch_ended = self._step % self.input.steps_per_epoch == 0
            if epoch_ended:
                self._end_epoch()
                if self._step < self._last_step:
                    self._choose_steps()
            elif self.devices.workers == 1 and self._progress.due():
                self._report(self._totals())
            if self._checkpoint_due(steps, epoch_ended):
                self._write_checkpoint()
                self._watch.progress()

    def _function_of(self, steps: int) -> tuple[Callable, bool]:
        """What takes so many steps, and whether it is compiled by its next call."""
        train = self._train[steps]
        compiles = train not in self._taken
        if compiles:  # Nothing tells how long that takes.
            self._watch.pause()
            self._taken.add(train)
        return train, compiles

    def _stop_clock(self) -> None:
        """What follows is not training; the devices have finished all their steps."""
        if self.input_report:
            self.input_report.times.stop(time.perf_counter())

    def _ceiling(self, plan: Plan) -> Ceiling:
        train, at_once = self._train[self._at_once], self._at_once
        wait = self.steps.training.totals
        last, devices = self._last_batch, self.devices
        return measure(self._fed, last, train, devices, at_once, plan, wait)

    def _next_steps(self) -> int:
        left = self.input.steps_per_epoch - self._step % self.input.steps_per_epoch
        return self._at_once if left >= self._at_once else 1

    def _checkpoint_due(self, steps: int, epoch_ended: bool) -> bool:
        # Workers read their variables together, so each must get here at the same step.
        if self.devices.workers > 1:
            by_steps = self.checkpoints.due_by_steps(self._step, steps)
            return self.checkpoints.kept and (epoch_ended or by_steps or self._due_by_time(steps))
        return self.checkpoints.due(self._step, steps)

    def _due_by_time(self, steps: int) -> bool:
        """What the first worker's clock says, which all ask for after as many steps."""
        if not crossed(_ASK_STEPS, self._step, steps):
            return False
        due = self.checkpoints.due(self._step, steps)
        return workers.first_one_says(self.devices.strategy, due)

    def _write_checkpoint(self) -> None:
        checkpoint = self._checkpoint()
        if self.devices.place.number == 0:
            self.checkpoints.write(checkpoint)

    def _best_model(self) -> keras.Model:
        """The model in float32 on one device, whatever it was trained on."""
        with training_faults.weights_reported():
            model = self.steps.model if self.devices.is_plain else self.build_model()
            _assign(model.variables, self._stopping.best_weights)
            first_weights.take_effect(model)
        return model

    @property
    def _last_step(self) -> int:
        return self.training.epochs * self.input.steps_per_epoch

    @property
    def _epoch(self) -> int:
        """The epoch of the last step taken, counted from 1."""
        return max(0, self._step - 1) // self.input.steps_per_epoch + 1

    def _end_epoch(self) -> None:
        training = self._totals()
        self._stop_clock()
        training_faults.refuse_broken_weights(self.steps.model, self._step)
        training_faults.refuse_nothing_learnt(training)
        with self.steps.averaged():
            weights = [variable.numpy() for variable in self.steps.model.variables]
            validation = self._validate() if self.validation else None
        known = validation if validation and validation.counted else None
        monitored = self._monitored(known, training)
        self.log.add(
            Epoch(
                epoch=self._epoch,
                loss=training.mean_loss,
                accuracy=training.accuracy,
                validation_loss=known.finite_loss if known else None,
                validation_accuracy=known.accuracy if known else None,
                validation_left_out=int(validation.left_out) if validation else None,
                learning_rate=rate_of_last_step(self.steps.optimizer),
                seconds=self._seconds,
                fetch_seconds=self._waited,
                validation_mean_iou=self._beside("mean_iou"),
                monitored=None if math.isnan(monitored) else monitored,
            )
        )
        self._stopping.update(monitored, self._epoch, weights)
        self._report(training)
        self.steps.training.clear()
        self._seconds = self._waited = 0.0

    def _beside(self, metric: str) -> float | None:
        """The validation's value of a metric that its task shows beside the others."""
        is_shown = metric == self.steps.task.METRIC
        return self.steps.validation.measure(metric) if is_shown else None

    def _monitored(self, validation: Totals | None, training: Totals) -> float:
        """What decides which epoch is the best; nan where the validation has no value of it."""
        match self.training.monitor:
            case "loss":
                return (validation or training).mean_loss
            case "accuracy":
                return validation.accuracy if validation else math.nan
            case metric:
                value = self.steps.validation.measure(metric)
                return math.nan if value is None else value

    def _validate(self) -> Totals:
        self.steps.validation.clear()
        batches, count = self._validation_batches, self.devices.workers
        for batch in training_faults.readable(batches, self.validation, count):
            self._validation_step([batch])
            self._watch.progress()
        totals = self.steps.validation.totals()
        training_faults.refuse_misfits(totals, self.steps.classes, "validation")
        training_faults.refuse_no_comparison(totals, self.training.monitor)
        return totals

    def _totals(self) -> Totals:
        began = time.perf_counter()
        totals = self.steps.training.totals()
        self._seconds += time.perf_counter() - began  # A call returns before a GPU is done.
        training_faults.refuse_misfits(totals, self.steps.classes, "train")
        if totals.broken_steps:
            # Every step after the first broken one is broken too, as the weights are.
            replicas = self.devices.strategy.num_replicas_in_sync
            first = self._step - math.ceil(totals.broken_steps / replicas) + 1
            raise training_faults.diverged(f"the loss is not a finite number from step {first} on")
        return totals

    def _report(self, totals: Totals) -> None:
        self._progress.report(
            f"epoch {self._epoch} of {self.training.epochs}, "
            f"loss {totals.mean_loss:.3f}, accuracy {totals.accuracy:.3f}",
            completed=self._step / self._last_step,
        )

    def _checkpoint(self) -> Checkpoint:
        self._totals()  # Nothing can resume from weights that are not numbers.
        self._stop_clock()
        return Checkpoint(
            step=self._step,
            state={
                "stopping": self._stopping.state(),
                "epochs": [dataclasses.asdict(epoch) for epoch in self.log.epochs],
                "seconds": self._seconds,
                "waited": self._waited,
                "precision": self.devices.precision,
                "input": self.input.strategy,
                "order": self.input.order.state(self._step),
            },
            variables=[variable.numpy() for variable in self.steps.variables],
            best_weights=self._stopping.best_weights,
        )


def _assign(variables, values, strict: bool = True) -> None:
    for variable, value in zip(variables, values, strict=strict):
        variable.assign(value)
