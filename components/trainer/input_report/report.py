"""The input report of a training: did the model wait for data?

Fetching a batch that is ready takes a moment too, which the ceiling has as well: what a fetch
takes beyond that moment is waiting. On a CPU a call returns when its step is done, and the wait
for the next batch is the model's own. On an accelerator the program runs ahead: a late batch is
felt only once the device has nothing left to do, so there the wait is the most that it can have
been, and the images a second against the ceiling's are the answer.
"""

import dataclasses
import json
import os
from collections.abc import Callable

from components.trainer.input_report import plot
from components.trainer.input_report.ceiling import Ceiling
from components.trainer.input_report.figures import figures
from components.trainer.input_report.reading import PLOT_FILE, REPORT_FILE
from components.trainer.input_report.stages import stages
from components.trainer.input_report.step_times import StepTimes
from components.trainer.input_report.verdict import judge
from failures import Failure
from files import writing
from settings.training import InputReport as Limits

# What looking may cost: together below 3% of a training of any length worth speaking of.
_CEILING_SHARE, _STAGES_SHARE = 0.01, 0.005
_STARVED_STAGES_SHARE = 0.02  # a training that waits is worth more looking, to name the stage
_CEILING_SECONDS, _FEWEST_CALLS = 0.015, 3
# Less does not start a second reader: a training that is shorter is not looked into, unless it
# waits.
_STAGES_SECONDS, _STARVED_STAGES_SECONDS = 0.02, 0.1


@dataclasses.dataclass
class InputReport:
    """Gathers the times while a training runs; `finish` makes the report of them.

    Attributes:
      parameters: the limit, and what is to happen above it.
      times: to be told of every call.
      load_seconds: taken to make the input ready before the first step.
    """

    parameters: Limits
    times: StepTimes = dataclasses.field(default_factory=StepTimes)
    load_seconds: float = 0.0
    content: dict | None = None

    def ceiling_calls(self, alone: bool) -> int:
        """How many calls of the ceiling the training is worth.

        Args:
          alone: whether no other worker has to come to the same number.
        """
        calls = self.times.calls()
        count = max(_FEWEST_CALLS, round(_CEILING_SHARE * len(calls)))
        if alone and calls.seconds.sum():
            typical = sorted(calls.seconds)[len(calls) // 2]
            count = max(count, int(_CEILING_SECONDS / max(typical, 1e-6)))
        return min(count, len(calls))

    def finish(
        self,
        source,
        batch_size: int,
        measure_ceiling: Callable[[int], Ceiling],
        alone: bool,
    ) -> None:
        """Measures what is still to be measured.

        Args:
          source: the training's `Input`.
          batch_size: images a step, over all devices.
          measure_ceiling: how many calls to time -> what a step costs without input.
          alone: whether no other worker trains along.
        """
        calls = self.times.calls()
        if not len(calls):
            return
        ceiling = measure_ceiling(self.ceiling_calls(alone))
        calls = calls.without_fetch(ceiling.fetch)
        found = figures(
            calls,
            batch_size,
            source.steps_per_epoch,
            self.load_seconds,
            ceiling.step,
            self.times.loads(),
        )
        waited = float(calls.wait.sum() / max(calls.seconds.sum(), 1e-9))
        starved = waited > self.parameters.max_wait
        budget = (_STARVED_STAGES_SHARE if starved else _STAGES_SHARE) * float(calls.seconds.sum())
        if starved:
            budget = max(budget, _STARVED_STAGES_SECONDS)
        # Where the first batch took longer than that, so would a second reader's.
        told = []
        if budget >= max(_STAGES_SECONDS, calls.wait[0]):
            told = stages(source.dataset, budget, source.strategy)
        line, verdict, advice = judge(
            found, told, source.strategy, self.parameters.max_wait, int(calls.steps.sum())
        )
        self.content = {
            "line": line,
            "verdict": verdict,
            "advice": advice,
            "strategy": source.strategy,
            "reason": source.reason,
            "load_seconds": self.load_seconds,
            "fetch_seconds": ceiling.fetch,
            "max_wait": self.parameters.max_wait,
            "stages": told,
            **found,
        }

    def write(self, folder: str) -> None:
        """Writes the report and its plot below `folder`."""
        if self.content is None:
            return
        content = json.dumps(self.content, indent=2) + "\n"
        writing.write(os.path.join(folder, REPORT_FILE), content)
        writing.write(os.path.join(folder, PLOT_FILE), plot.draw(self.content))

    def enforce(self) -> None:
        """Raises Failure where the model waited longer than it may and that is not allowed."""
        told = self.content
        if told and told["verdict"] == "input-bound" and self.parameters.on_wait == "fail":
            raise Failure(
                f"Trainer: {told['line']}; training.input_report.max_wait is "
                f"{self.parameters.max_wait:g}. {told['advice']}"
            )
