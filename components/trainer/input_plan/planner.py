"""Chooses a training's input strategy before it starts, by measuring where that can matter."""

import contextlib
import dataclasses
import logging
import math
import time
from collections.abc import Callable, Iterable, Sequence

import tensorflow as tf

from components.trainer import training_faults
from components.trainer.checkpoints import Checkpoints
from components.trainer.input import compressed, disk
from components.trainer.input.options import FeedOptions
from components.trainer.input.source import Source
from components.trainer.input.strategy import beyond_memory, refusals
from components.trainer.input_plan.plan import PLAN_FILE, Allowed, Plan, Stage, duration
from components.trainer.input_plan.prediction import (
    Consumer,
    Costs,
    Forecast,
    pick,
    predict,
    warning,
)
from components.trainer.input_plan.probe import Probe
from components.usable_cores import usable_cores
from settings.training import Training

# Decoded examples that load in the time of the probe: it could save no more than it takes. Large
# photographs, which are slow to decode, come at about this rate from one core.
OBVIOUS_BYTES_A_SECOND = 16 << 20
MODEL_SHARE = 0.2  # of the probe's seconds, for the model's step
_ANOTHER_WORKER = "another worker cannot use it"

_progress = logging.getLogger("steadyfeed.progress")

# Maps the steps of an epoch, a batch of this worker and seconds to the model's step, and the
# stages that follow the input.
MeasureStep = Callable[[int, tuple, float], tuple[Consumer, list[Stage]]]


@dataclasses.dataclass
class Planner:
    """What `FeedOptions.plan` is in a training; the plan is in `plan` once it was asked for.

    Args:
      options: of the training's input.
      checkpoints: where the plan is kept, so that a resumed training goes on with it.
      began_with: the strategy of the checkpoint that is resumed from, if there is one.
      of_all: maps a number to those of all workers.
      deliver: maps a dataset of batches to what the training takes them from.
    """

    training: Training
    options: FeedOptions
    measure_step: MeasureStep
    checkpoints: Checkpoints
    began_with: str | None = None
    of_all: Callable[[int], Sequence[int]] = lambda number: [number]
    deliver: Callable[[tf.data.Dataset], Iterable] = iter
    plan: Plan | None = None
    seconds: float = 0.0  # that planning took

    def __call__(self, source: Source, strategy: str, reason: str) -> tuple[str, str]:
        """The (strategy, reason) to use in place of those by size."""
        began = time.perf_counter()
        plan = self._without_measuring(source, strategy, reason)
        if plan is None:
            plan = self._measured(source)
            if self.options.workers.rank == 0:
                self.checkpoints.write_beside(PLAN_FILE, plan.content())
        self.plan = plan
        for line in plan.lines():
            _progress.info(line, extra={"completed": 0.0, "stays": True})
        self.seconds = time.perf_counter() - began
        return plan.strategy, plan.reason

    def _without_measuring(self, source: Source, strategy: str, reason: str) -> Plan | None:
        """The plan where there is nothing to find out; None where there is."""
        if kept := self._kept(source):
            return kept
        size = source.at_most * source.row_bytes
        seconds = self.training.input.probe_seconds
        if not seconds:
            return Plan(strategy, f"{reason}; no probe, as training.input.probe_seconds is 0")
        if size <= seconds * OBVIOUS_BYTES_A_SECOND:
            return Plan(strategy, f"{reason}, and need no probe")
        if source.count() < self.training.batch_size:
            return Plan(strategy, reason)  # The input function reports what is wrong.
        return None

    def _kept(self, source: Source) -> Plan | None:
        """The plan that the training began with, if nothing speaks against it."""
        content = self.checkpoints.read_beside(PLAN_FILE)
        found = self.began_with and Plan(
            self.began_with, f"the training began with {self.began_with}"
        )
        with contextlib.suppress(KeyError, TypeError, ValueError):  # Another version wrote it.
            found = Plan.from_content(content) if content else found
        # Whoever changed what it may use wants to see what that changes.
        usable = bool(found) and found.allowed in (None, self._allowed)
        possible = int(usable and self._possible(found, source))
        return found if all(self.of_all(possible)) else None

    @property
    def _allowed(self) -> Allowed:
        given = self.training.input
        # Not `options.memory_limit_bytes`, of which the validation split has taken its part.
        return Allowed(given.memory_limit_bytes, self.options.cache_dir, given.probe_seconds)

    def _possible(self, plan: Plan, source: Source) -> bool:
        if plan.strategy != "compressed":
            return plan.strategy not in self._refusals(source)
        # How much the data compress is known from a probe alone.
        size = plan.chosen.memory_bytes if plan.chosen else math.inf
        limit, workers = self.options.memory_limit_bytes, self.options.workers.here
        return not compressed.refusal(source) and not beyond_memory(size, limit, workers)

    def _refusals(self, source: Source) -> dict[str, str]:
        folder = self.options.cache_dir
        return refusals(
            source.at_most * source.row_bytes,
            folder,
            self.options.memory_limit_bytes,
            disk.bytes_to_write(source, folder) if folder else 0,
            self.options.workers.here,
        )

    def _refusals_of_all(self, source: Source) -> dict[str, str]:
        found = self._refusals(source)
        for strategy in ("memory", "disk"):
            if any(self.of_all(int(strategy in found))):
                found.setdefault(strategy, _ANOTHER_WORKER)
        return found

    def _measured(self, source: Source) -> Plan:
        began = time.perf_counter()
        training, examples = self.training, source.count()
        seconds = training.input.probe_seconds
        _progress.info("planning the input", extra={"completed": 0.0})
        budget = (1 - MODEL_SHARE) * seconds
        probe = Probe(source, examples, training.batch_size, self.options, budget, self.deliver)
        with training_faults.step_reported(training.batch_size):
            probed = probe.measure(self._refusals_of_all(source))
        steps = examples // training.batch_size
        consumer, more = self.measure_step(steps, probed.batch, MODEL_SHARE * seconds)
        costs = probed.costs
        for stage in more:  # Nothing is fed faster than it is copied.
            costs = [_capped(one, stage.images_per_second) for one in costs]
        course = (consumer, steps, training.epochs, usable_cores())
        forecasts = [self._of_all_workers(predict(one, *course)) for one in costs]
        chosen = pick(forecasts)
        return Plan(
            strategy=chosen.strategy,
            reason=_reason(chosen, forecasts, training.epochs),
            warning=warning(costs, *course, training.input_report.max_wait),
            seconds=time.perf_counter() - began,
            cores=usable_cores(),
            examples=examples,
            row_bytes=source.row_bytes,
            epochs=training.epochs,
            consumer=consumer,
            stages=(*probed.stages, *more),
            forecasts=tuple(forecasts),
            allowed=self._allowed,
        )

    def _of_all_workers(self, forecast: Forecast) -> Forecast:
        """The forecast with the time of the slowest worker: so all choose the same strategy."""
        slowest = max(self.of_all(round(1000 * forecast.seconds))) / 1000
        refused = forecast.refused
        if any(self.of_all(int(refused is not None))):
            refused = refused or _ANOTHER_WORKER
        return dataclasses.replace(forecast, seconds=slowest, refused=refused)


def _capped(costs: Costs, images_per_second: float) -> Costs:
    rate = min(costs.images_per_second, images_per_second)
    return dataclasses.replace(costs, images_per_second=rate)


def _reason(chosen: Forecast, forecasts: Sequence[Forecast], epochs: int) -> str:
    name = chosen.strategy
    allowed = [one for one in forecasts if not one.refused]
    if len(allowed) == 1:
        return f"{name} is the only strategy that is possible"
    quickest = min(allowed, key=lambda one: one.seconds)
    took = f"{duration(chosen.seconds)} for {epochs} epoch{'s' * (epochs > 1)}"
    if quickest is chosen:
        return f"{name} is predicted to be the quickest, with {took}"
    also = f"{quickest.strategy}: {duration(quickest.seconds)}"
    return f"{name} is predicted to be as quick as any, with {took} ({also})"
