"""The input report of a training: did the model wait for data?

Fetching a batch that is ready also takes time, and the ceiling measures it; only the rest of a
fetch counts as waiting. On a CPU, a call returns when its step is done, so the model itself waits
for the next batch. On an accelerator, the program runs ahead of the device: a late batch delays
the device only once it has nothing left to do. There the measured wait is an upper bound, and the
share of the ceiling gives the answer.
"""

import dataclasses
import os
from collections.abc import Callable

import numpy as np

from components.trainer.input_plan.plan import Plan as InputPlan
from components.trainer.input_report import plot
from components.trainer.input_report.ceiling import Ceiling, Plan
from components.trainer.input_report.figures import figures
from components.trainer.input_report.interval import FEWEST_PAIRS
from components.trainer.input_report.reading import PLOT_FILE, REPORT_FILE
from components.trainer.input_report.stages import stages
from components.trainer.input_report.step_times import Calls, StepTimes
from components.trainer.input_report.verdict import judge
from failures import Failure
from files import writing
from files.strict_json import text_of
from settings.training_input import InputReport as Limits

# What measuring may cost: together below 3% of any training that is not very short.
_CEILING_SHARE, _STAGES_SHARE = 0.02, 0.005
_STARVED_STAGES_SHARE = 0.02  # finding the slowest stage is worth more if it waits
_CEILING_SECONDS, _STARVED_CEILING_SECONDS, _MOST_PAIRS = 0.03, 0.25, 40
_BLOCK_SECONDS = 0.02  # A longer block tells no more than two.
# A second reader needs at least this long; shorter trainings are examined only if they wait.
_STAGES_SECONDS, _STARVED_STAGES_SECONDS = 0.02, 0.1


@dataclasses.dataclass
class InputReport:
    """Collects times while a training runs; `finish` turns them into the report."""

    parameters: Limits
    times: StepTimes = dataclasses.field(default_factory=StepTimes)  # of every call
    load_seconds: float = 0.0  # for preparing the input before the first step
    predicted: InputPlan | None = None  # what was predicted; None where the strategy was given
    content: dict | None = None  # None until `finish`, or if the training made no call

    def plan(self, alone: bool) -> Plan | None:
        """How much to measure for the ceiling, given the length of the training.

        Args:
          alone: whether there are no other workers, which would need the same plan.

        Returns:
          None if a measurement that tells anything would take too long.
        """
        calls = self.times.calls()
        if not alone:
            pairs = int(_CEILING_SHARE * len(calls)) // 2
            return Plan(min(pairs, _MOST_PAIRS), 1) if pairs >= FEWEST_PAIRS else None
        fed, computed = float(np.median(calls.seconds)), float(np.median(calls.compute))
        least = _STARVED_CEILING_SECONDS if self._starved(calls) else _CEILING_SECONDS
        allowed = max(_CEILING_SHARE * float(calls.seconds.sum()), least)
        pairs = int(allowed / max(fed + computed, 1e-6))  # of single calls
        if pairs < FEWEST_PAIRS:
            return None
        block = max(1, min(pairs // _MOST_PAIRS, int(_BLOCK_SECONDS / max(fed, 1e-6))))
        return Plan(min(pairs // block, _MOST_PAIRS), block)

    def _starved(self, calls: Calls) -> bool:
        return float(calls.wait.sum() / max(calls.seconds.sum(), 1e-9)) > self.parameters.max_wait

    def finish(
        self,
        source,
        batch_size: int,
        measure_ceiling: Callable[[Plan], Ceiling],
        alone: bool,
    ) -> None:
        """Measures the ceiling and the stages, and makes the report.

        Args:
          source: the training's `Input`.
          batch_size: images per step, over all devices.
          measure_ceiling: measures as planned.
          alone: whether there are no other workers.
        """
        calls = self.times.calls()
        if not len(calls):
            return
        loads = self.times.loads()  # before the ceiling takes more batches
        plan = self.plan(alone)
        near = measure_ceiling(plan) if plan else Ceiling(0.0, ())
        calls = calls.without_fetch(near.fetch_seconds)
        found = figures(
            calls,
            batch_size,
            source.steps_per_epoch,
            self.load_seconds,
            near.ratios,
            loads,
        )
        measured = self._stages(source, calls)
        by = "service" if source.service else source.strategy
        line, verdict, advice = judge(
            found,
            measured,
            by,
            self.parameters.max_wait,
            int(calls.steps.sum()),
            source.asked_for,
        )
        self.content = {
            "line": line,
            "verdict": verdict,
            "advice": advice,
            "strategy": source.strategy,
            "reason": source.reason,
            "load_seconds": self.load_seconds,
            "fetch_seconds": near.fetch_seconds,
            "max_wait": self.parameters.max_wait,
            "stages": measured,
            "plan": self.predicted.content() if self.predicted else None,
            **found,
        }

    def _stages(self, source, calls: Calls) -> list[dict]:
        starved = self._starved(calls)
        budget = (_STARVED_STAGES_SHARE if starved else _STAGES_SHARE) * float(calls.seconds.sum())
        if starved:
            budget = max(budget, _STARVED_STAGES_SECONDS)
        # If the first batch took longer than the budget, so would that of a second reader.
        if source.service or budget < max(_STAGES_SECONDS, calls.wait[0]):
            return []
        return stages(source.dataset, budget, source.strategy)

    def write(self, folder: str) -> None:
        """Writes the report and its plot below `folder`."""
        if self.content is None:
            return
        content = text_of(self.content, indent=2) + "\n"
        writing.write(os.path.join(folder, REPORT_FILE), content)
        writing.write(os.path.join(folder, PLOT_FILE), plot.draw(self.content))

    def enforce(self) -> None:
        """Raises a Failure if the model waited too long and `on_wait` is "fail"."""
        found = self.content
        if found and found["verdict"] == "input-bound" and self.parameters.on_wait == "fail":
            raise Failure(
                f"Trainer: {found['line']}; training.input_report.max_wait is "
                f"{self.parameters.max_wait:g}. {found['advice']}"
            )
